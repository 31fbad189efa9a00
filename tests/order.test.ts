/** One sender's messages are shown in the order in which they were sent, whatever the clock did meanwhile. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startReport } from './helpers/broker-process.ts';
import type { McpClient } from './helpers/mcp-client.ts';
import { Peer } from './helpers/peer.ts';
import { ROOT, RUNTIMES, Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

const HOUR_MS = 3_600_000;

let box: Sandbox;
let clock: string;
let ann: Peer;
beforeEach(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  clock = join(box.home, 'clock');
  clockIs(0);
  const { command, entry } = RUNTIMES.node;
  const preload = join(ROOT, 'tests', 'helpers', 'jumping-clock.mjs');
  const broker = box.run(command, ['--import', preload, entry('broker')], { env: { JUMPING_CLOCK: clock } });
  expect(await startReport(broker)).toHaveProperty('ready', true);
  ann = await Peer.register(box.client, 'ann');
});
afterEach(() => box.close());

function clockIs(hours: number): void {
  writeFileSync(clock, String(hours * HOUR_MS));
}

async function unread(name: string): Promise<number | undefined> {
  return (await box.client.call('brokerStatus', {})).peers.find((peer) => peer.name === name)?.unread;
}

/** The numbers of the texts, in the order in which the client is shown them. */
async function readAll(client: McpClient, count: number): Promise<number[]> {
  const shown: number[] = [];
  await until(async () => {
    const { text } = await client.tool('check_messages');
    for (const [, n] of text.matchAll(/^> note (\d+)/gm)) shown.push(Number(n));
    return shown.length >= count;
  });
  return shown;
}

it('under tool results, in one response and over several', async () => {
  const codex = await box.session({ side: 'codex', name: 'bravo' });
  await codex.tool('whoami');
  // the clock goes back an hour, then forward by three, and back again
  for (const [n, hours] of [0, -1, -1, 2, 2, -5, 1].entries()) {
    clockIs(hours);
    await ann.send('bravo', `note ${n} ${'x'.repeat(5_000)}`);
  }
  await until(async () => (await unread('bravo')) === 7);
  expect(await readAll(codex, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

it('when they are delivered again to the next session, and whatever their priorities', async () => {
  const before = await box.session({ side: 'codex', name: 'bravo' });
  await before.tool('whoami');
  const priorities = ['normal', 'info', 'warning', 'normal', 'warning', 'info'] as const;
  for (const [n, priority] of priorities.entries()) {
    clockIs(-n);
    await ann.send('bravo', `note ${n}`, { priority });
  }
  await until(async () => (await unread('bravo')) === priorities.length);
  await before.kill();
  clockIs(3);
  for (let n = priorities.length; n < 60; n += 1) await ann.send('bravo', `note ${n}`, { priority: 'warning' });
  const after = await box.session({ side: 'codex', name: 'bravo' });
  expect(await readAll(after, 60)).toEqual(Array.from({ length: 60 }, (_, n) => n));
});

it('as pushes', async () => {
  const claude = await box.session({ name: 'alpha' });
  await claude.tool('whoami');
  for (const [n, hours] of [0, -1, 1, -2].entries()) {
    clockIs(hours);
    await ann.send('alpha', `note ${n}`);
  }
  await claude.channelEvent('note 3');
  const pushed = claude.notifications.map(({ params }) => params?.['content']);
  expect(pushed).toEqual(['note 0', 'note 1', 'note 2', 'note 3']);
});

it("in the operator's inbox, and in the list of orphans", async () => {
  await box.client.call('operatorInbox', {});
  const carl = await Peer.register(box.client, 'carl');
  await carl.call('closeSession', {});
  for (const [n, hours] of [0, -2, 1].entries()) {
    clockIs(hours);
    await ann.send('operator', `note ${n}`);
    await ann.send('carl', `note ${n}`);
  }
  const { messages } = await box.client.call('operatorInbox', {});
  expect(messages.map(({ text }) => text)).toEqual(['note 0', 'note 1', 'note 2']);
  const { orphans } = await box.client.call('orphanedMessages', {});
  expect(orphans.map(({ preview }) => preview)).toEqual(['note 0', 'note 1', 'note 2']);
  const { messages: recent } = await box.client.call('recentMessages', {});
  expect(recent.map(({ preview }) => preview)).toEqual([0, 0, 1, 1, 2, 2].map((n) => `note ${n}`));
});
