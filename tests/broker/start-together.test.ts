/** Many sessions open at the same moment, and no broker runs. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { processesWith } from '../helpers/broker-process.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { until } from '../helpers/until.ts';

const SESSIONS = 20;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create();
});
afterAll(() => box.close());

it('20 sessions get one broker, and each is usable', { timeout: 60_000 }, async () => {
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, (_, i) =>
      box.session({ name: `session-${i}`, side: i % 2 === 0 ? 'claude' : 'codex' }),
    ),
  );
  const answers = await Promise.all(sessions.map((session) => session.tool('whoami')));
  for (const [i, { isError, text }] of answers.entries()) {
    expect([isError, text]).toEqual([false, expect.stringContaining(`session-${i} [`)]);
  }
  const pid = await box.brokerPid();
  const brokers = () => processesWith(`AGENT_PEERS_PORT=${box.location.port}`, 'broker.js');
  await until(() => brokers().length === 1);
  expect(brokers()).toEqual([pid]);
  expect(box.brokerLog().match(/"broker started"/g)).toHaveLength(1);

  // everybody sees everybody, and a message goes round
  const { text: list } = await (sessions[0] ?? expect.fail()).tool('list_peers');
  for (let i = 1; i < SESSIONS; i += 1) expect(list).toContain(`session-${i} [`);
  const sent = await Promise.all(
    sessions.map((session, i) =>
      session.tool('send_message', { to_id: `session-${(i + 1) % SESSIONS}`, message: `from ${i}` }),
    ),
  );
  expect(sent.filter(({ isError }) => isError)).toEqual([]);
});
