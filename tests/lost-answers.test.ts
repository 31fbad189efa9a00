/** Answers that the broker gave and the session never got: their messages come again, however many the session holds. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { InboxMessage } from '../shared/contract/types.ts';
import { rawText } from '../shared/peer-text.ts';
import { FlakyLine, type Passing } from './helpers/flaky-line.ts';
import type { McpClient } from './helpers/mcp-client.ts';
import { Peer } from './helpers/peer.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

const SENDERS = 9;
/** Of each; together far more than the broker hands out with one answer. */
const MESSAGES = 50;

let box: Sandbox;
let line: FlakyLine;
beforeEach(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
  line = await FlakyLine.open(box);
});
afterEach(async () => {
  line.close();
  await box.close();
});

function messagesIn({ path, body }: Passing): InboxMessage[] {
  return path === '/v1/inbox/next' ? ((body as { messages?: InboxMessage[] }).messages ?? []) : [];
}

/** Reads until everything was shown. @returns every id that was shown as new, in order */
async function readAll(client: McpClient, count: number): Promise<string[]> {
  const shown: string[] = [];
  await until(
    async () => {
      const { text } = await client.tool('check_messages');
      for (const [, id] of text.matchAll(/^(m\w+) from sender-\d+ /gm)) shown.push(id ?? '');
      return shown.length >= count;
    },
    { within: 20_000, what: `${count} messages shown` },
  );
  // one more look: what comes twice would come now
  expect((await client.tool('check_messages')).text).toContain('No new messages.');
  return shown;
}

async function senders(): Promise<Peer[]> {
  return Promise.all(Array.from({ length: SENDERS }, (_, i) => Peer.register(box.client, `sender-${i}`)));
}

it('one answer lost while the session holds 449 unread messages: it is shown all the same', async () => {
  const codex = await box.session({ side: 'codex', name: 'bravo', env: { AGENT_PEERS_PORT: String(line.port) } });
  await codex.tool('whoami');
  const from = await senders();
  const ids: string[] = [];
  for (let i = 0; i < MESSAGES; i += 1) {
    // the last message of the first sender is the last of its turn: behind 400 others
    const isLast = i === MESSAGES - 1;
    if (isLast) line.breaksAt = (answer) => messagesIn(answer).some(({ text }) => rawText(text) === 'the lost one');
    const texts = from.map((peer, s) => peer.send('bravo', isLast && s === 0 ? 'the lost one' : `${s} ${i}`));
    ids.push(...(await Promise.all(texts)).map(({ message_id }) => message_id));
    if (isLast) await until(() => line.lost.length > 0);
  }
  line.breaksAt = () => false;
  const shown = await readAll(codex, ids.length);
  expect([...shown].sort()).toEqual([...ids].sort());
});

it('every other answer lost, and the broker killed on the way: every message is shown, and each once', async () => {
  const codex = await box.session({ side: 'codex', name: 'bravo', env: { AGENT_PEERS_PORT: String(line.port) } });
  await codex.tool('whoami');
  const from = await senders();
  let answers = 0;
  line.breaksAt = (answer) => {
    if (messagesIn(answer).length > 0) answers += 1;
    return messagesIn(answer).length > 0 && answers % 2 === 1;
  };
  const ids: string[] = [];
  const write = async (from_i: number, to_i: number) => {
    for (let i = from_i; i < to_i; i += 1) {
      ids.push(...(await Promise.all(from.map((peer) => peer.send('bravo', `${i}`)))).map((sent) => sent.message_id));
    }
  };
  await write(0, MESSAGES / 2);
  process.kill(await box.brokerPid(), 'SIGKILL');
  await until(() =>
    box.client.hello().then(
      () => false,
      () => true,
    ),
  );
  await box.broker();
  await write(MESSAGES / 2, MESSAGES);
  await until(() => line.lost.length >= 5);
  line.breaksAt = () => false;
  const shown = await readAll(codex, ids.length);
  expect([...shown].sort()).toEqual([...ids].sort());
});
