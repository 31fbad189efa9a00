/** Whatever comes in over the port, the broker answers or hangs up, blames nobody but the caller, and works on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { operations } from '../../shared/contract/index.ts';
import { ERROR_KINDS, type ErrorCode } from '../../shared/errors.ts';
import { machineKey, readSecret } from '../../shared/secret.ts';
import { codeOf, Peer } from '../helpers/peer.ts';
import { errorCode, exchange } from '../helpers/raw-http.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { malformedRequests, spoiltCalls } from './malformed-requests.ts';

const REQUESTS = 2_000;
const SEED = 20_300_101;
const AT_A_TIME = 20;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
});
afterAll(() => box.close());

/** What the broker blames itself for. */
function failures(): string[] {
  const lines = box.brokerLog().split('\n');
  return lines.filter((line) => /"level":(50|60)/.test(line));
}

it('no value in any field of any operation is a failure of the broker', { timeout: 60_000 }, async () => {
  await box.broker();
  const peer = await Peer.register(box.client, 'odd');
  const wrong: string[] = [];
  let calls = 0;
  for (const { name, body } of spoiltCalls()) {
    const token = ['session', 'peer'].includes(operations[name].caller) ? { token: peer.token } : {};
    // what is tested is that the broker does not trust the type
    const code = await codeOf(box.client.call(name, body as never, token));
    calls += 1;
    if (!Object.hasOwn(ERROR_KINDS, code) ? code !== 'none' : ERROR_KINDS[code as ErrorCode].status >= 500) {
      wrong.push(`${code} <- ${name} ${JSON.stringify(body).slice(0, 300)}`);
    }
  }
  expect(wrong).toEqual([]);
  expect(calls).toBeGreaterThan(500);
  expect(failures()).toEqual([]);
});

it('2,000 malformed requests: no failure of the broker, no hang, and it answers afterwards', {
  timeout: 120_000,
}, async () => {
  const pid = await box.broker();
  const { port, home } = box.location;
  const victim = await Peer.register(box.client, 'victim');
  const witness = await Peer.register(box.client, 'witness');
  const { message_id } = await witness.send('victim', 'still here');
  const keys = { port, machine: machineKey(readSecret(home)), session: victim.token };
  const requests = malformedRequests(keys, REQUESTS, SEED);
  expect(requests).toHaveLength(REQUESTS);

  const wrong: string[] = [];
  const statuses = new Map<number, number>();
  const next = requests.values();
  const worker = async () => {
    for (const bytes of next) {
      const answer = await exchange(port, bytes);
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      const code = errorCode(answer);
      const known = code === undefined || Object.hasOwn(ERROR_KINDS, code);
      if (answer.status >= 500 || !known) {
        wrong.push(
          `${answer.status} ${answer.body.slice(0, 200)} <- ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}`,
        );
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));

  expect(wrong).toEqual([]);
  // the requests got past the door, and to every guard behind it
  for (const status of [200, 400, 401, 403, 404, 413, 415]) expect(statuses.get(status) ?? 0).toBeGreaterThan(5);

  expect((await box.client.hello()).pid).toBe(pid);
  expect(failures()).toEqual([]);
  expect((await witness.call('messageStatus', { message_id })).deliveries).toHaveLength(1);
  expect((await witness.call('whoami', {})).peer.name).toBe('witness');
});
