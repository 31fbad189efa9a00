/** A broker that does not run for a while (stopped, swapped out): it is waited for, not replaced, and nothing is lost. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { ANSWER_TIMEOUT_MS } from '../../shared/client.ts';
import { outcome, type Ran } from '../cli/helpers.ts';
import { processesWith } from '../helpers/broker-process.ts';
import type { McpClient } from '../helpers/mcp-client.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

/** Of a busy machine. */
const SLACK_MS = 8_000;
/** What a command waits for a broker that does not answer, with the start of the process. */
const COMMAND_MS = 9_000;
const HOLD_MS = 1_000;

const boxes: Sandbox[] = [];
afterAll(async () => {
  await Promise.all(boxes.map((box) => box.close()));
});

/** A place with a broker, which is stopped while the work runs. */
async function withBroker(): Promise<{ box: Sandbox; pid: number; stop(): void; goOn(): void }> {
  const box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  boxes.push(box);
  const pid = await box.broker();
  return {
    box,
    pid,
    stop: () => process.kill(pid, 'SIGSTOP'),
    goOn: () => process.kill(pid, 'SIGCONT'),
  };
}

function timed<T>(work: Promise<T>): Promise<{ ms: number; value: T }> {
  const start = performance.now();
  return work.then((value) => ({ ms: performance.now() - start, value }));
}

/** What a client was shown as new. */
async function shown(client: McpClient): Promise<string[]> {
  const { text } = await client.tool('check_messages');
  return [...text.matchAll(/^> (note .*)$/gm)].map((match) => match[1] ?? '');
}

function brokersOf(box: Sandbox): number[] {
  return processesWith(`AGENT_PEERS_PORT=${box.location.port}`, 'broker.js');
}

describe('a broker that stands still', () => {
  it.concurrent('until calls are made again: they wait and are answered, and each message arrives once', {
    timeout: 60_000,
  }, async () => {
    const { box, pid, stop, goOn } = await withBroker();
    const [ann, bob] = await Promise.all([
      box.session({ side: 'codex', name: 'ann' }),
      box.session({ side: 'codex', name: 'bob' }),
    ]);
    await Promise.all([ann.tool('whoami'), bob.tool('whoami')]);
    stop();
    const sends = Array.from({ length: 5 }, (_, i) => ann.tool('send_message', { to_id: 'bob', message: `note ${i}` }));
    // one that only comes now waits too, and starts no broker of its own
    const eve = await box.session({ name: 'eve' });
    const late = eve.tool('whoami');
    // the sends waited in vain for their answers, and are made again; the newcomer found nobody
    await until(() => [ann, eve].every(({ stderr }) => stderr.includes('broker_unresponsive')), { within: 20_000 });
    expect(brokersOf(box)).toEqual([pid]);
    goOn();
    for (const answer of await Promise.all([...sends, late]))
      expect([answer.isError, answer.text]).toEqual([false, expect.anything()]);
    expect((await late).text).toContain('eve [claude]');
    const seen: string[] = [];
    await until(async () => {
      seen.push(...(await shown(bob)));
      return seen.length >= sends.length;
    });
    seen.push(...(await shown(bob)));
    expect(seen.sort()).toEqual(['note 0', 'note 1', 'note 2', 'note 3', 'note 4']);
    expect(await box.brokerPid()).toBe(pid);
    const { peers } = await box.client.call('brokerStatus', { include_offline: true });
    expect(peers.map(({ name, online }) => [name, online]).sort()).toEqual([
      ['ann', true],
      ['bob', true],
      ['eve', true],
    ]);
  });

  it.concurrent('every call of a client has a deadline, also one that the broker holds', {
    timeout: 30_000,
  }, async () => {
    const { box, stop, goOn } = await withBroker();
    const ann = await Peer.register(box.client, 'ann');
    // on a connection that is proven already
    const held = timed(codeOf(ann.call('nextMessages', { wait_ms: HOLD_MS })));
    stop();
    const timeoutMs = 500;
    const call = timed(codeOf(box.client.call('listPeers', {}, { token: ann.token, timeoutMs })));
    expect(await call).toMatchObject({ value: 'broker_unresponsive' });
    expect((await call).ms).toBeLessThan(timeoutMs + 1_000);
    expect(await codeOf(box.client.hello())).toBe('broker_unresponsive');
    expect((await held).value).toBe('broker_unresponsive');
    expect((await held).ms).toBeGreaterThan(HOLD_MS + ANSWER_TIMEOUT_MS - 100);
    expect((await held).ms).toBeLessThan(HOLD_MS + ANSWER_TIMEOUT_MS + SLACK_MS);
    goOn();
    expect((await ann.call('whoami', {})).peer.name).toBe('ann');
  });

  const COMMANDS = [
    ['status'],
    ['status', '--start'],
    ['peers'],
    ['send', 'ann', 'hello'],
    ['inbox', '--wait', '1'],
    ['kill-broker'],
  ];

  it.concurrent('commands wait nine seconds, then say so', { timeout: 60_000 }, async () => {
    const { box, pid, stop, goOn } = await withBroker();
    await Peer.register(box.client, 'ann');
    stop();
    const runs = COMMANDS.map((args) => timed(run(box, args)));
    const statusline = timed(run(box, ['statusline'], '{"session_id":"s"}'));
    for (const { ms, value } of await Promise.all(runs)) {
      expect(value).toMatchObject({ code: 5, stdout: '', stderr: expect.stringContaining('has answered for 9 s') });
      expect(value.stderr).toContain('agent-peers doctor');
      expect(ms).toBeLessThan(COMMAND_MS + SLACK_MS);
    }
    expect((await statusline).value).toMatchObject({ code: 0, stdout: expect.stringContaining('peers: off') });
    expect((await statusline).ms).toBeLessThan(SLACK_MS);
    expect(brokersOf(box)).toEqual([pid]);
    goOn();
  });

  it.concurrent('a command that waits is answered once the broker goes on; doctor names its process', {
    timeout: 60_000,
  }, async () => {
    const { box, pid, stop, goOn } = await withBroker();
    stop();
    const doctor = await run(box, ['doctor', '--json']);
    const { findings } = JSON.parse(doctor.stdout) as { findings: { level: string; text: string; remedy: string }[] };
    const found = findings.find(({ text }) => text.includes(`process ${pid}`));
    expect(found).toMatchObject({ level: 'error', remedy: expect.stringContaining(`kill -CONT ${pid}`) });
    const status = run(box, ['status']);
    await delay(4_000);
    goOn();
    expect(await status).toMatchObject({ code: 0, stdout: expect.stringContaining('is running') });
  });
});

function run(box: Sandbox, args: readonly string[], stdin = ''): Promise<Ran> {
  const child = box.spawn('cli', args);
  child.stdin?.end(stdin);
  return outcome(child);
}
