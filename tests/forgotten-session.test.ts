/** The broker ends a session whose process lives: it registers again, and its client notices nothing. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LEASED_PER_SENDER } from '../shared/limits.ts';
import { FlakyLine } from './helpers/flaky-line.ts';
import { Peer } from './helpers/peer.ts';
import { Sandbox } from './helpers/sandbox.ts';
import { until } from './helpers/until.ts';

let box: Sandbox;
let line: FlakyLine;
beforeAll(async () => {
  box = await Sandbox.create({ AGENT_PEERS_RATE_PER_MINUTE: '0' });
  await box.broker();
  line = await FlakyLine.open(box);
});
afterAll(async () => {
  line.close();
  await box.close();
});

it('a session whose agent only listens is pushed what comes after it registered again', async () => {
  const tokens: string[] = [];
  line.breaksAt = ({ path, body }) => {
    if (path === '/v1/sessions/register') tokens.push((body as { token: string }).token);
    return false;
  };
  const claude = await box.session({ name: 'bravo', env: { AGENT_PEERS_PORT: String(line.port) } });
  await until(() => tokens.length === 1);
  const ann = await Peer.register(box.client, 'ann');
  // none is ever confirmed: the agent calls no tool
  for (let i = 0; i < LEASED_PER_SENDER + 5; i += 1) await ann.send('bravo', `note ${i}`);
  await claude.channelEvent(`note ${LEASED_PER_SENDER + 4}`);
  await box.client.call('closeSession', {}, { token: tokens[0] ?? '' });
  await until(() => tokens.length === 2);
  await ann.send('bravo', 'the next one');
  await claude.channelEvent('the next one');
  const texts = claude.notifications.map(({ params }) => params?.['content']);
  expect(texts.filter((text) => text === 'note 0')).toHaveLength(1);
});
