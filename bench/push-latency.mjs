/**
 * How long a message takes from one agent to the other: from the `send_message` call at one session's standard input
 * to the channel notification at the other session's standard output, through a broker that commits it on the way.
 */
import { cpuMeter } from './support/process-cost.mjs';
import { row } from './support/row.mjs';

/** A broker and its sessions run for days, and their code is compiled as it is used: these are shown apart. */
const FIRST = 100;
const WARM_UP = 1_000;
const SAMPLES = 2_000;
/** `check_messages` names what was pushed, 20 messages a time: the mailbox stays as short as an agent at work keeps it. */
const READ_EVERY = 10;

/** @type {import('./support/bench.mjs').Measurement} */
export const pushLatency = {
  name: 'push-latency',
  async measure(bench) {
    const sandbox = await bench.sandbox();
    const broker = await sandbox.startBroker(bench.brokerFlags);
    const { node } = bench.runtimes;
    const sender = await sandbox.session(node, 'claude', { name: 'sender' });
    const reader = await sandbox.session(node, 'claude', { name: 'reader' });
    await Promise.all([sender.tool('whoami'), reader.tool('whoami')]);

    /** @type {(at: number, content: string) => void} */
    let arrived = () => {};
    reader.onNotification(({ method, params }) => {
      if (method === 'notifications/claude/channel') arrived(performance.now(), params.content);
    });

    // says more than the latency where other programs want the CPU too
    const meters = () => [sender.pid, broker, reader.pid].map(cpuMeter);

    const pushed = /** @type {number[]} */ ([]);
    const answered = /** @type {number[]} */ ([]);
    let cpu = meters();
    for (let i = 0; i < WARM_UP + SAMPLES; i += 1) {
      if (i === WARM_UP) cpu = meters();
      const message = `message ${i}: the login test fails on main since this morning; is that yours?`;
      const arrival = new Promise((resolve) => {
        arrived = (at, content) => {
          if (content === message) resolve(at);
        };
      });
      const start = performance.now();
      const answer = sender.tool('send_message', { to_id: 'reader', message }).then(() => performance.now());
      const times = [(await arrival) - start, (await answer) - start];
      pushed.push(times[0] ?? 0);
      answered.push(times[1] ?? 0);
      if (i % READ_EVERY === 0) {
        await reader.tool('check_messages');
        await reader.tool('whoami');
      }
    }
    const [ofSender, ofBroker, ofReader] = cpu.map((read) => read && (read() / SAMPLES).toFixed(2));
    const cost = ofBroker && `CPU each: ${ofSender} ms sender, ${ofBroker} ms broker, ${ofReader} ms reader`;
    return [
      row(
        'send_message at one session → channel event at the other',
        'ms',
        pushed.slice(WARM_UP),
        { median: 2, p99: 8 },
        cost,
      ),
      row('the same, first messages after the start of all three', 'ms', pushed.slice(0, FIRST)),
      row(
        'send_message at one session → its own result',
        'ms',
        answered.slice(WARM_UP),
        {},
        'waits to learn of the push',
      ),
    ];
  },
};
