/** The broker is killed again and again while four pairs talk: what was sent arrives, once, and everybody works on. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { McpClient } from './helpers/mcp-client.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

const PAIRS = 4;
const KILLS = 8;

/** Every text that this client was shown as new, by whichever way. */
class Reader {
  readonly client: McpClient;
  readonly #blocks: string[] = [];

  constructor(client: McpClient) {
    this.client = client;
  }

  async call(name: string, args: object = {}): Promise<string> {
    const { text } = await this.client.tool(name, args);
    this.#blocks.push(text);
    return text;
  }

  seen(): string[] {
    const inBlocks = this.#blocks.flatMap((text) =>
      [...text.matchAll(/^> (note \S+)$/gm)].map((match) => match[1] ?? ''),
    );
    const pushed = this.client.notifications
      .filter(({ method }) => method === 'notifications/claude/channel')
      .map(({ params }) => String(params?.['content']));
    return [...inBlocks, ...pushed];
  }
}

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
});
afterAll(() => box.close());

it('loses nothing and shows nothing twice', { timeout: 90_000 }, async () => {
  await box.broker();
  const pairs = await Promise.all(
    Array.from({ length: PAIRS }, async (_, i) => ({
      sender: await box.session({ name: `sender-${i}` }),
      reader: new Reader(await box.session({ name: `reader-${i}`, side: i % 2 === 0 ? 'claude' : 'codex' })),
      sent: [] as string[],
    })),
  );
  await Promise.all(pairs.map(({ reader }) => reader.call('whoami')));

  let killing = true;
  const talk = pairs.map(async ({ sender, reader, sent }, i) => {
    const reading = (async () => {
      while (killing) {
        await reader.call('check_messages');
        await delay(40);
      }
    })();
    for (let n = 0; killing; n += 1) {
      const note = `note ${i}-${n}`;
      const { isError, text } = await sender.tool('send_message', { to_id: `reader-${i}`, message: note });
      expect(isError, text).toBe(false);
      sent.push(note);
      await delay(10);
    }
    await reading;
  });

  for (let i = 0; i < KILLS; i += 1) {
    // each life of the broker sees some messages through, and dies at another moment of its work
    const before = pairs.map(({ sent }) => sent.length);
    await until(() => pairs.every(({ sent }, n) => sent.length > (before[n] ?? 0)));
    await delay(20 * i);
    const pid = await until(async () => (await box.client.hello().catch(() => undefined))?.pid);
    process.kill(pid, 'SIGKILL');
  }
  await until(() => box.client.hello().catch(() => undefined));
  killing = false;
  await Promise.all(talk);

  for (const { sender, reader, sent } of pairs) {
    expect(sent.length).toBeGreaterThanOrEqual(KILLS);
    await until(async () => {
      await reader.call('check_messages');
      return new Set(reader.seen()).size >= sent.length;
    });
    // one more look: what comes twice would come now
    await reader.call('check_messages');
    expect([...reader.seen()].sort()).toEqual([...sent].sort());
    expect(sender.child.exitCode).toBeNull();
    expect(reader.client.child.exitCode).toBeNull();
  }
  const { counts } = await box.client.call('brokerStatus', {});
  expect(counts.sessions).toBe(2 * PAIRS);
});
