/** `watch`: what a person sees of peers and messages while it runs. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { until } from '../helpers/until.ts';
import { CliSandbox, DANGEROUS, HOSTILE } from './helpers.ts';

let sandbox: CliSandbox;
beforeAll(async () => {
  sandbox = await CliSandbox.make();
  await sandbox.startBroker();
});
afterAll(() => sandbox.close());

const running: ChildProcess[] = [];
afterEach(async () => {
  for (const child of running.splice(0)) {
    const exit = once(child, 'exit');
    child.kill();
    await exit;
  }
});

/** Starts it and collects what it prints; resolves once its first look is there. */
async function watch(
  ...args: string[]
): Promise<{ out: () => string; seen: (text: string | RegExp) => Promise<void> }> {
  const child = sandbox.spawn(['watch', ...args]);
  running.push(child);
  let out = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  const seen = async (text: string | RegExp) => {
    await until(() => (typeof text === 'string' ? out.includes(text) : text.test(out)), { what: `${text} in: ${out}` });
  };
  return { out: () => out, seen };
}

it('shows who is here, what was written, and then what happens', async () => {
  const falcon = await sandbox.join('brave-falcon', { cwd: '/srv/shop' });
  const otter = await sandbox.join('calm-otter', { kind: 'codex' });
  await falcon.send('calm-otter', 'before it looked');
  const { out, seen } = await watch();
  await seen('before it looked');
  expect(out()).toMatch(/^NAME [\s\S]*brave-falcon/);
  expect(out()).toMatch(/\d\d:\d\d:\d\d brave-falcon → calm-otter: before it looked\n/);

  await falcon.send('calm-otter', `${HOSTILE}\nsecond line`, { priority: 'critical', intent: 'request' });
  await seen(/brave-falcon → calm-otter \[critical, request\]: .*second line\n/);
  await falcon.update({ summary: 'moving the till' });
  await seen('~ brave-falcon works on: moving the till');
  const heron = await sandbox.join('quick-heron', { cwd: '/srv/bank' });
  await seen('+ quick-heron (claude) is here in /srv/bank');
  await heron.leave();
  await seen('- quick-heron (claude) has left');
  expect(out()).not.toMatch(DANGEROUS);
  // looking on reads nobody's mail
  expect((await otter.received(2)).map(({ text }) => text)).toHaveLength(2);
  await Promise.all([falcon.leave(), otter.leave()]);
});

it('gives programs one document a line', async () => {
  const falcon = await sandbox.join('grand-eagle');
  const otter = await sandbox.join('still-newt');
  const { out, seen } = await watch('--json');
  await falcon.send('still-newt', 'it looks');
  await seen('it looks');
  const heron = await sandbox.join('night-heron', { host: HOSTILE, cwd: `/srv/${HOSTILE}` });
  await seen('night-heron');
  await falcon.send('still-newt', 'hello in JSON');
  await seen('hello in JSON');
  expect(out()).not.toMatch(DANGEROUS);
  const events = out()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.find(({ kind }) => kind === 'came')).toMatchObject({ peer: { name: 'night-heron', host: HOSTILE } });
  expect(events.at(-1)).toMatchObject({
    kind: 'message',
    message: { from: { name: 'grand-eagle' }, to: [{ name: 'still-newt' }], preview: 'hello in JSON' },
  });
  await Promise.all([falcon.leave(), otter.leave(), heron.leave()]);
});

it('lives on when the broker is replaced', async () => {
  const { seen } = await watch();
  await seen('Nobody is here yet.');
  await sandbox.endBroker();
  await seen('the broker has ended');
  await sandbox.startBroker();
  await seen('the broker is back');
});
