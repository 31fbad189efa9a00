/** Whatever comes in over the port, the broker answers or hangs up, blames nobody but the caller, and works on. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ERROR_KINDS } from '../../shared/errors.ts';
import { machineKey, readSecret } from '../../shared/secret.ts';
import { Peer } from '../helpers/peer.ts';
import { errorCode, exchange } from '../helpers/raw-http.ts';
import { Sandbox } from '../helpers/sandbox.ts';
import { malformedRequests } from './malformed-requests.ts';

const REQUESTS = 2_000;
const SEED = 20_300_101;
const AT_A_TIME = 20;

let box: Sandbox;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
});
afterAll(() => box.close());

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
  const failures = box
    .brokerLog()
    .split('\n')
    .filter((line) => /"level":(50|60)/.test(line));
  expect(failures).toEqual([]);
  expect((await witness.call('messageStatus', { message_id })).deliveries).toHaveLength(1);
  expect((await witness.call('whoami', {})).peer.name).toBe('witness');
});
