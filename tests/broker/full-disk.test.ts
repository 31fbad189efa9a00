/** The disk is full: sends are refused with one clear error, and what was acknowledged is still there afterwards. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeersError } from '../../shared/errors.ts';
import { LEASED_PER_SENDER } from '../../shared/limits.ts';
import { exitCode, startReport } from '../helpers/broker-process.ts';
import type { McpClient } from '../helpers/mcp-client.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { SMALL_DISKS, type SmallDisk } from '../helpers/small-disk.ts';
import { until } from '../helpers/until.ts';

const SENDS_MAX = 1_000;

describe.each(SMALL_DISKS)('%s', (_, make) => {
  let box: Sandbox;
  let disk: SmallDisk;
  beforeEach(async () => {
    box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
    disk = make(box);
  });
  afterEach(async () => {
    try {
      disk.end();
    } finally {
      await box.close();
    }
  });

  /** Sends until there is no room. @returns the acknowledged ids, and the refusal */
  async function fill(from: Peer, to: string): Promise<{ sent: string[]; refusal: PeersError }> {
    const sent: string[] = [];
    for (let i = 0; i < SENDS_MAX; i += 1) {
      try {
        sent.push((await from.send(to, `${i} ${'x'.repeat(8_000)}`)).message_id);
      } catch (error) {
        return { sent, refusal: error as PeersError };
      }
    }
    throw new Error('the disk never ran full');
  }

  it('refuses a send with storage_full, and keeps what it acknowledged', async () => {
    const broker = disk.startBroker();
    expect(await startReport(broker)).toHaveProperty('ready', true);
    const ann = await Peer.register(box.client, 'ann');
    const bob = await Peer.register(box.client, 'bob');
    const { pid } = await box.client.call('brokerStatus', {});
    const { sent, refusal } = await fill(ann, 'bob');
    expect(sent.length).toBeGreaterThan(5);
    expect(refusal).toMatchObject({ code: 'storage_full', hint: expect.stringContaining('space') });
    // reading goes on, and each further send is refused in the same way
    expect((await box.client.call('brokerStatus', {})).pid).toBe(pid);
    expect(await codeOf(ann.send('bob', 'y'.repeat(60_000)))).toBe('storage_full');
    expect((await ann.call('messageStatus', { message_id: sent[0] ?? '' })).deliveries).toHaveLength(1);

    if (!disk.makeRoom()) {
      broker.kill('SIGTERM');
      expect(await exitCode(broker)).toBe(0);
      expect(await startReport(disk.startBroker())).toHaveProperty('ready', true);
    }
    sent.push((await ann.send('bob', 'there is room again')).message_id);
    for (const message_id of sent) {
      expect((await bob.call('readMessage', { message_id })).message.from.name).toBe('ann');
    }
    expect((await bob.call('whoami', {})).peer.unread).toBe(sent.length);
  });

  /** Writes a page at a time until not even that fits: then no confirmation does either. */
  async function fillWhole(from: Peer, to: string): Promise<void> {
    await fill(from, to);
    for (let i = 0; i < SENDS_MAX; i += 1) {
      if ((await codeOf(from.call('updatePeer', { summary: `${i}` }))) === 'storage_full') return;
    }
    throw new Error('the disk never ran full');
  }

  /** Reads until so many texts were shown. */
  async function read(reader: McpClient, count: number): Promise<string[]> {
    const shown: string[] = [];
    await until(async () => {
      const { text } = await reader.tool('check_messages');
      shown.push(...[...text.matchAll(/^> (note \d+)$/gm)].map(([, note]) => note ?? ''));
      return shown.length >= count;
    });
    return shown;
  }

  it('confirms what was read on the full disk as soon as there is room, and the next message arrives', async () => {
    const broker = disk.startBroker();
    await startReport(broker);
    const ann = await Peer.register(box.client, 'ann');
    const carl = await Peer.register(box.client, 'carl');
    await Peer.register(box.client, 'dave');
    const codex = await box.session({ side: 'codex', name: 'bravo' });
    await codex.tool('whoami');
    // together: a commit of its own for each would fill the disk
    const notes = Array.from({ length: LEASED_PER_SENDER }, (_, i) => ann.send('bravo', `note ${i}`));
    const ids = (await Promise.all(notes)).map(({ message_id }) => message_id);
    const stateOf = async (message_id: string) =>
      (await ann.call('messageStatus', { message_id })).deliveries.map(({ state }) => state).join();
    await until(async () => (await stateOf(ids.at(-1) ?? '')) === 'leased');
    await fillWhole(carl, 'dave');

    expect(await read(codex, ids.length)).toHaveLength(LEASED_PER_SENDER);
    await codex.tool('whoami');
    await until(() => codex.stderr.includes('storage_full'));
    expect(await stateOf(ids.at(-1) ?? '')).toBe('leased');

    if (!disk.makeRoom()) {
      broker.kill('SIGTERM');
      await exitCode(broker);
      await startReport(disk.startBroker());
    }
    for (const id of ids) await until(async () => (await stateOf(id)) === 'confirmed');
    await ann.send('bravo', 'note 50');
    expect(await read(codex, 1)).toEqual(['note 50']);
  });

  it('keeps what it acknowledged also when the broker is killed on the full disk', async () => {
    const broker = disk.startBroker();
    await startReport(broker);
    const ann = await Peer.register(box.client, 'ann');
    const bob = await Peer.register(box.client, 'bob');
    const { sent } = await fill(ann, 'bob');
    broker.kill('SIGKILL');
    await exitCode(broker);
    disk.makeRoom();
    await startReport(disk.startBroker());
    for (const message_id of sent) {
      expect((await bob.call('readMessage', { message_id })).message.from.name).toBe('ann');
    }
    expect((await bob.call('whoami', {})).peer.unread).toBe(sent.length);
  });
});
