/** What the broker keeps compiled does not depend on what it is asked: a token cannot fill its memory. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';

const LENGTH_MAX = 1_000;
const AT_ONCE = 10;
const BATCH_MAX = 40;
/** More than all operations together have. */
const STATEMENTS_MAX = 100;
/** Far above what the requests need while they run; lists of every length once took 690 MB. */
const GROWTH_MAX_KB = 150 * 1024;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
});
afterAll(() => box.close());

async function statements(): Promise<number> {
  return (await box.client.call('brokerStatus', {})).database.statements;
}

function memoryKb(pid: number): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
}

function idsOf(length: number): string[] {
  return Array.from({ length }, (_, i) => `m-none-${i}`);
}

it('lists of every length and batches of every size are served by the same few statements', async () => {
  const ann = await Peer.register(box.client, 'ann');
  await Peer.register(box.client, 'bob');
  const pid = await box.brokerPid();
  const memory = memoryKb(pid);

  const confirmAndNote = async (message_ids: string[]) => {
    const confirmations = message_ids.map((message_id) => ({ message_id, evidence: 'client' as const }));
    await ann.call('confirmMessages', { confirmations });
    await ann.call('notePush', { message_ids, route: 'channel' });
  };
  const closeWith = async (unseen: string[]) => {
    const session = await Peer.register(box.client, undefined);
    await session.call('closeSession', { unseen });
  };
  const sendTogether = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => ann.send('bob', `${count} ${i}`)));

  for (let length = 1; length <= LENGTH_MAX; length += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => confirmAndNote(idsOf(length + i))));
  }
  for (const length of [1, 2, 3, 10, 99, LENGTH_MAX]) {
    await closeWith(idsOf(length));
    await box.client.call('operatorInbox', { confirm: idsOf(length) });
    await box.client.call('recentMessages', { limit: Math.min(length, 500) });
  }
  for (let count = 1; count <= BATCH_MAX; count += 1) await sendTogether(count);
  await confirmAndNote(idsOf(LENGTH_MAX));

  expect(await statements()).toBeLessThan(STATEMENTS_MAX);
  expect(memoryKb(pid) - memory).toBeLessThan(GROWTH_MAX_KB);
});
