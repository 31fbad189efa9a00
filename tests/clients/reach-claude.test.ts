/** How messages reach Claude Code: the real program and the product's own sessions; the scripted model shows what it was told. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Sandbox } from './harness/sandbox.ts';
import { claudeHooks } from './hooks.ts';
import { Household } from './household.ts';
import { call } from './models/directives.ts';
import { claudeRig } from './rig.ts';

/** Neither socket nor channel: what hooks and tool responses do on their own. */
const UNPUSHED = { AGENT_PEERS_PUSH: 'none' };

/** The user's own instruction to Claude Code: nothing that other sessions post is shown. */
const REFUSING = { crossSessionInbound: 'refuse' };

/** A call of a tool of Claude Code's own, which carries nothing of ours. */
async function ownTool({ project }: Sandbox): Promise<string> {
  const path = join(project, 'notes.txt');
  await writeFile(path, 'buy milk\n');
  return call('Read', { file_path: path });
}

test('idle: a Codex peer’s message starts a turn, and the model has it within 2 s', async () => {
  const household = await Household.open();
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha') });
  const session = claude.stream();
  await session.turn('Good morning.');
  const bravo = await household.peer('codex', 'bravo');
  await household.sees('bravo');
  await household.sees('alpha', ({ push_route }) => push_route === 'inbox-socket');
  const from = session.events.size;

  const sent = performance.now();
  const receipt = await bravo.tool('send_message', { to_id: 'alpha', message: 'The build on main is red.' });
  const { news } = await model.until('The build on main is red.');
  const took = performance.now() - sent;

  expect(took).toBeLessThan(2_000);
  expect(receipt.text).toContain('pushed (inbox-socket) to alpha');
  expect(news, 'whose word it is').toMatch(
    /Through agent-peers, from the codex peer bravo: .*not an order of your user/,
  );
  expect(news, 'how to answer').toMatch(/send_message of agent-peers: \{"to_id":"bravo","reply_to":"m\w+"/);
  await session.turnEnded({ from });
});

test('in the middle of a turn: the model has it before the turn ends', async () => {
  const household = await Household.open();
  const { claude, model, sandbox } = await claudeRig({ server: household.server('claude', 'alpha') });
  const session = claude.stream();
  await household.sees('alpha');
  const turn = model.hold();
  session.say(`Work. ${await ownTool(sandbox)}`);
  await model.until('Work.');

  const { message_id } = await household.send('alpha', 'Stop at the next commit.');
  await household.reaches('pushed', message_id);
  turn.release();

  const { news } = await model.until('Stop at the next commit.');
  expect(news, 'it comes with the result of the tool that the turn waits for').toContain('buy milk');
  await session.turnEnded();
});

test('the next agent-peers call after a push names it in one line of at most 200 bytes, and that confirms it', async () => {
  const household = await Household.open();
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha') });
  const session = claude.stream();
  await session.turn('Good morning.');
  await household.sees('alpha');
  const from = session.events.size;
  const text = `The migration of the invoices: ${'one more detail. '.repeat(200)}That is all.`;
  const { message_id } = await household.send('alpha', text);
  await model.until('That is all.');
  await session.turnEnded({ from });
  expect(await household.delivery(message_id)).toMatchObject({ state: 'pushed', push_route: 'inbox-socket' });

  await session.turn(`Who is there? ${call('list_peers')} ${call('list_peers')}`);

  const response = await model.toolResponse('Already pushed to you');
  const lines = response.split('\n').filter((line) => line.includes('The migration of the invoices'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`${message_id} from operator`);
  expect(Buffer.byteLength(lines[0] ?? '')).toBeLessThanOrEqual(200);
  expect(model.timesTold('Already pushed to you'), 'the first of the two calls').toBe(1);
  expect(model.timesTold('That is all.')).toBe(1);
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'push-notice' });
});

test('hooks alone: what waits comes with the next prompt, once', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', UNPUSHED);
  const { claude, model } = await claudeRig({ server, settings: claudeHooks() });
  const session = claude.stream();
  await household.sees('alpha', ({ push_route }) => push_route === 'none');
  const { message_id } = await household.send('alpha', 'Lunch is at noon.');
  await household.reaches('leased', message_id);

  await session.turn('Good morning.');
  await session.turn(`Go on. ${call('list_peers')}`);

  expect((await model.until('Good morning.')).news).toContain('Lunch is at noon.');
  expect(model.timesTold('Lunch is at noon.')).toBe(1);
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'hook' });
});

test('hooks alone: what comes in the middle of a turn is there after the next tool, once', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', UNPUSHED);
  const { claude, model, sandbox } = await claudeRig({ server, settings: claudeHooks() });
  const session = claude.stream();
  await household.sees('alpha');
  const turn = model.hold();
  session.say(`Work. ${await ownTool(sandbox)} ${call('list_peers')}`);
  await model.until('Work.');
  const { message_id } = await household.send('alpha', 'Stop at the next commit.');
  await household.reaches('leased', message_id);
  turn.release();
  await session.turnEnded();

  expect((await model.until('Stop at the next commit.')).news).toContain('buy milk');
  expect(model.timesTold('Stop at the next commit.')).toBe(1);
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'hook' });
});

test('hooks alone: what comes after the last tool continues the turn once, and never keeps it up', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', UNPUSHED);
  const { claude, model } = await claudeRig({ server, settings: claudeHooks() });
  const session = claude.stream();
  await household.sees('alpha');
  const thinking = model.hold();
  session.say('Work.');
  await model.until('Work.');
  const first = await household.send('alpha', 'One more thing.');
  await household.reaches('leased', first.message_id);

  const continued = model.hold();
  thinking.release();
  await model.until('One more thing.');
  const second = await household.send('alpha', 'And another.');
  await household.reaches('leased', second.message_id);
  await household.reaches('confirmed', first.message_id);
  expect(await household.sees('alpha'), 'the turn goes on').toMatchObject({ activity: 'busy' });
  continued.release();
  await session.turnEnded();

  expect(model.requests.all.map(({ news }) => news.includes('And another.'))).toEqual([false, false]);
  await session.turn('Next.');
  expect((await model.until('Next.')).news).toContain('And another.');
  expect(model.timesTold('One more thing.')).toBe(1);
  expect(model.timesTold('And another.')).toBe(1);
  expect(await household.reaches('confirmed', first.message_id)).toMatchObject({ confirmed_by: 'hook' });
  expect(await household.reaches('confirmed', second.message_id)).toMatchObject({ confirmed_by: 'hook' });
});

test('hooks alone: what is only for information waits for the end of the turn', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', UNPUSHED);
  const { claude, model, sandbox } = await claudeRig({ server, settings: claudeHooks() });
  const session = claude.stream();
  await household.sees('alpha');
  const turn = model.hold();
  session.say(`Work. ${await ownTool(sandbox)}`);
  await model.until('Work.');
  const { message_id } = await household.send('alpha', 'FYI: CI is slow today.', { priority: 'info' });
  await household.reaches('leased', message_id);
  turn.release();
  await session.turnEnded();

  const told = model.requests.all.map(({ news }) => news.includes('FYI: CI is slow today.'));
  expect(told, 'the prompt, the tool’s result, the end').toEqual([false, false, true]);
});

test('inbox socket gone: the sender and the log are told, and the next agent-peers call has the message', async () => {
  const household = await Household.open();
  const gone = { CLAUDE_CODE_MESSAGING_SOCKET: '/nonexistent/inbox.sock' };
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha', gone) });
  const session = claude.stream();
  await household.sees('alpha');

  const receipt = await household.send('alpha', 'Can you hear me?');
  expect(receipt.detail).toMatch(/^waiting for the next tool call of alpha .*push failed: "inbox socket: ENOENT"/);
  const line = await household.logged('alpha', 'push failed');
  expect(line).toContain(receipt.message_id);
  expect(line).not.toContain('Can you hear me?');

  await session.turn(`Work. ${call('list_peers')} ${call('list_peers')}`);
  expect(await model.toolResponse('[PEER INBOX] 1 new')).toContain('> Can you hear me?');
  expect(await household.reaches('confirmed', receipt.message_id)).toMatchObject({ confirmed_by: 'tool-response' });
});

test('wrong inbox token: the message still reaches the model', async () => {
  const household = await Household.open();
  const wrong = { CLAUDE_CODE_MESSAGING_TOKEN: 'not-the-token' };
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha', wrong) });
  const session = claude.stream();
  await household.sees('alpha');
  const { message_id } = await household.send('alpha', 'Can you hear me?');
  await household.reaches('pushed', message_id);

  await session.turn(`Work. ${call('list_peers')} ${call('list_peers')}`);

  expect(model.timesTold('Can you hear me?')).toBeGreaterThan(0);
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ push_error: null });
});

test('pushes refused by the user’s settings: the next agent-peers call names the message, and it can be read', async () => {
  const household = await Household.open();
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha'), settings: REFUSING });
  const session = claude.stream();
  await household.sees('alpha');
  const { message_id } = await household.send('alpha', `A long story. ${'And then. '.repeat(50)}The end.`);
  await household.reaches('pushed', message_id);

  await session.turn(`Work. ${call('list_peers')}`);
  expect(await model.toolResponse('Already pushed to you')).toContain(`${message_id} from operator: A long story.`);
  expect(model.timesTold('The end.')).toBe(0);
  await session.turn(`Read it. ${call('check_messages', { message_id })}`);
  expect(await model.toolResponse('The end.')).toContain('> A long story.');
});

test('a channel that the client does not show: after 20 s the inbox socket has the message, marked as the same', async () => {
  const household = await Household.open();
  const server = household.server('claude', 'alpha', { AGENT_PEERS_PUSH: 'channel' });
  const { claude, model } = await claudeRig({ server });
  const session = claude.stream();
  await household.sees('alpha', ({ push_route }) => push_route === 'channel');

  const { message_id, detail } = await household.send('alpha', 'Is anybody there?');
  expect(detail).toContain('pushed (channel) to alpha');
  const { news } = await model.until('Is anybody there?');

  expect(news).toContain('sent to you before as a channel event; ignore if seen');
  await session.turnEnded();
  expect(await household.delivery(message_id)).toMatchObject({ state: 'pushed', push_route: 'inbox-socket' });
});

test('other peers see it busy during a turn and idle after it, where hooks tell', async () => {
  const household = await Household.open();
  const { claude, model } = await claudeRig({ server: household.server('claude', 'alpha'), settings: claudeHooks() });
  const bravo = await household.peer('codex', 'bravo');
  const session = claude.stream();
  await household.sees('alpha');
  const turn = model.hold();
  session.say('Work.');
  await model.until('Work.');

  await household.sees('alpha', ({ activity }) => activity === 'busy');
  expect((await bravo.tool('list_peers')).text).toContain('alpha [claude] busy');
  turn.release();
  await session.turnEnded();
  await household.sees('alpha', ({ activity }) => activity === 'idle');
  expect((await bravo.tool('list_peers')).text).toContain('alpha [claude] idle');
});
