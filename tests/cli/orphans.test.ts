/** `orphaned-messages` and `requeue`: mail of peers that are gone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { timeUntil } from '../../cli/times.ts';
import type { Response } from '../../shared/contract/index.ts';
import { ORPHAN_GRACE_MS } from '../../shared/limits.ts';
import { rawText } from '../../shared/peer-text.ts';
import { BROKER_ENTRY, CliSandbox, DANGEROUS, HOSTILE } from './helpers.ts';

type Orphans = Response<'orphanedMessages'>;

let sandbox: CliSandbox;

/** A broker whose wall clock is ahead, so that nobody has to wait for the grace of a minute to pass. */
async function startBrokerAhead(ms: number): Promise<void> {
  const shift = join(sandbox.home, 'shift.mjs');
  await writeFile(shift, `const real = Date.now; Date.now = () => real() + ${ms};`);
  const child = spawn(process.execPath, ['--import', pathToFileURL(shift).href, BROKER_ENTRY], {
    env: sandbox.env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  child.unref();
}

beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
  const falcon = await sandbox.join('brave-falcon');
  const otter = await sandbox.join('calm-otter');
  await sandbox.join('quick-heron');
  await otter.leave();
  await falcon.send(otter.id, 'the migration is half done');
  await falcon.send(otter.id, HOSTILE);
  await falcon.send(otter.id, 'third');
});
afterAll(() => sandbox.close());

it('lists nothing while the recipient may only be restarting', async () => {
  const { code, stdout } = await sandbox.run(['orphaned-messages']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'No orphaned messages.\n' });
});

describe('once the recipient is gone for good', () => {
  beforeAll(async () => {
    await sandbox.endBroker();
    await startBrokerAhead(2 * ORPHAN_GRACE_MS);
  });

  it('lists each with its id, sender, recipient, times and a preview', async () => {
    const { value } = await sandbox.json<Orphans>(['orphaned-messages']);
    const before = Date.now();
    const { code, stdout } = await sandbox.run(['orphaned-messages']);
    const after = Date.now();
    expect({ code, total: value.total }).toEqual({ code: 0, total: 3 });
    const first = value.orphans.find((orphan) => rawText(orphan.preview).includes('half done'));
    const left = [before, after].map((now) => timeUntil(first?.deliverable_until ?? '', now)).join('|');
    expect(stdout).toMatch(
      new RegExp(`^${first?.message_id} +brave-falcon +calm-otter .+ (?:${left}) .+the migration is half done$`, 'm'),
    );
    expect(stdout).toContain('agent-peers requeue <message-id> --to <peer>');
  });

  it('is counted by status', async () => {
    expect((await sandbox.run(['status'])).stdout).toContain('3 orphaned: agent-peers orphaned-messages');
  });

  it('prints nothing that drives a terminal', async () => {
    expect((await sandbox.run(['orphaned-messages'])).stdout).not.toMatch(DANGEROUS);
    expect((await sandbox.run(['orphaned-messages', '--json'])).stdout).not.toMatch(DANGEROUS);
  });

  it('refuses to move what is not there, or to nobody', async () => {
    const unknown = await sandbox.json(['requeue', 'm-unknown', '--to', 'quick-heron']);
    expect(unknown).toMatchObject({ code: 3, value: { error: { code: 'message_not_found' } } });
    const nobody = await sandbox.run(['requeue', '--from', 'calm-otter', '--to', 'quick-herno']);
    expect(nobody.code).toBe(3);
    expect(nobody.stderr).toContain('quick-heron');
  });

  it('moves one message by its id, then the rest of the peer', async () => {
    const heron = await sandbox.join('night-heron');
    const { orphans } = (await sandbox.json<Orphans>(['orphaned-messages'])).value;
    const third = orphans.find((orphan) => rawText(orphan.preview) === 'third');
    const one = await sandbox.run(['requeue', third?.message_id ?? '', '--to', 'night-heron']);
    expect(one).toEqual({ code: 0, stdout: 'Moved 1 message to night-heron.\n', stderr: '' });
    expect((await heron.received()).map((message) => message.text)).toEqual(['third']);

    const rest = await sandbox.json<Response<'requeueMessages'>>(['requeue', '--from', 'calm-otter', '--to', heron.id]);
    expect(rest).toMatchObject({ code: 0, value: { moved: 2, to: { name: 'night-heron' } } });
    expect((await heron.received(2)).map((message) => message.text)).toContain('the migration is half done');
    expect((await sandbox.run(['orphaned-messages'])).stdout).toBe('No orphaned messages.\n');
  });
});
