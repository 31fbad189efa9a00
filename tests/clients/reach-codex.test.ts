/** How messages reach Codex: the real program and the product's own sessions; the scripted model shows what it was told. */
import { expect, test } from 'vitest';
import { codexHooks } from './hooks.ts';
import { Household } from './household.ts';
import { call } from './models/directives.ts';
import { codexRig } from './rig.ts';
import { untilWakeable, WAKE } from './wake.ts';

/** A command that Codex may not run before its user has agreed. */
const ASKING = call('exec_command', {
  cmd: 'touch done',
  sandbox_permissions: 'require_escalated',
  justification: 'May I?',
});

test('terminal, idle: a message starts a turn, and the model has it within 5 s', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE) });
  const alpha = await household.peer('claude', 'alpha');
  const terminal = codex.terminal();
  await untilWakeable(household, terminal, 'bravo');
  expect((await alpha.tool('list_peers')).text).toMatch(/^bravo \[codex\] idle .*reached at once \(app-server\)/m);

  const sent = performance.now();
  const receipt = await alpha.tool('send_message', { to_id: 'bravo', message: 'The build on main is red.' });
  const { entries } = await model.until('The build on main is red.');
  const took = performance.now() - sent;

  expect(took).toBeLessThan(5_000);
  expect(receipt.text).toContain('bravo has it.');
  expect(entries.at(-1), 'the slot for what is not the user’s word').toMatchObject({
    role: 'tool',
    text: expect.stringContaining('Through agent-peers, from the claude peer alpha'),
  });
  const id = receipt.text.split(':', 1)[0] ?? '';
  expect((await alpha.tool('message_status', { message_id: id })).text).toMatch(/^bravo: confirmed.* by client/);
});

test('terminal, busy: the message is steered into the running turn', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE) });
  const terminal = codex.terminal();
  await untilWakeable(household, terminal, 'bravo');
  const turn = model.hold();
  await terminal.say(`Work. ${call('exec_command', { cmd: 'echo from the shell' })}`);
  await model.until('Work.');
  await household.sees('bravo', ({ activity }) => activity === 'busy');

  const { message_id } = await household.send('bravo', 'Stop at the next commit.');
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'client' });
  turn.release();

  await model.until('Stop at the next commit.');
  const last = await model.until('from the shell\n');
  expect(last.text, 'it came before the turn’s last step').toContain('Stop at the next commit.');
  await household.sees('bravo', ({ activity }) => activity === 'idle');
  expect(model.timesTold('Stop at the next commit.')).toBe(1);
});

test('terminal, with hooks: it can be woken from its first prompt on, whatever that calls', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE), hooks: codexHooks() });
  const terminal = codex.terminal();
  await household.sees('bravo');
  await terminal.say('Good morning.');
  await household.sees('bravo', ({ push_route, activity }) => push_route === 'app-server' && activity === 'idle');

  const { outcome } = await household.send('bravo', 'The build on main is red.');
  expect(outcome).toBe('confirmed');
  await model.until('The build on main is red.');
});

test('terminal, with hooks alone: what comes in the middle of a turn is there before its end', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo'), hooks: codexHooks() });
  const terminal = codex.terminal();
  await household.sees('bravo');
  const turn = model.hold();
  await terminal.say(`Work. ${call('exec_command', { cmd: 'echo from the shell' })}`);
  await model.until('Work.');
  const { message_id, detail } = await household.send('bravo', 'Stop at the next commit.');
  expect(detail).toContain('waiting for the next tool call of bravo (codex, no push route)');
  await household.reaches('leased', message_id);
  turn.release();

  await model.until('Stop at the next commit.');
  expect(model.timesTold('Stop at the next commit.')).toBe(1);
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'hook' });
});

test('exec: the next agent-peers call has the message, and no wake is ever tried', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE) });
  const turn = model.hold();
  const ended = codex.exec(`Work. ${call('whoami')} ${call('exec_command', { cmd: 'true' })} ${call('list_peers')}`);
  await model.until('Work.');
  await household.sees('bravo');
  const before = await household.send('bravo', 'The build on main is red.');
  await household.reaches('leased', before.message_id);
  turn.release();
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);

  expect(await model.toolResponse('[PEER INBOX] 1 new')).toContain('> The build on main is red.');
  expect(model.timesTold('The build on main is red.')).toBe(1);
  expect(await household.reaches('confirmed', before.message_id)).toMatchObject({ confirmed_by: 'tool-response' });
  expect(household.log('bravo')).toContain('no app-server that could wake it');
  await household.misses('bravo');
  const after = await household.send('bravo', 'Green again.');
  expect(after).toMatchObject({ outcome: 'offline' });
});

test('exec, with trusted hooks: what comes after the last tool continues the turn once', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo'), hooks: codexHooks() });
  const thinking = model.hold();
  const ended = codex.exec('Work.');
  await model.until('Work.');
  await household.sees('bravo');
  const first = await household.send('bravo', 'One more thing.');
  await household.reaches('leased', first.message_id);
  const continued = model.hold();
  thinking.release();
  await model.until('One more thing.');
  const second = await household.send('bravo', 'And another.');
  await household.reaches('leased', second.message_id);
  continued.release();
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);

  expect(model.timesTold('One more thing.')).toBe(1);
  expect(model.timesTold('And another.'), 'the turn is not kept up').toBe(0);
  expect(await household.delivery(first.message_id)).toMatchObject({ state: 'confirmed', confirmed_by: 'hook' });
  expect(await household.reaches('queued', second.message_id), 'kept for its next session').toBeTruthy();
});

test('approval pending: the wake waits for the user, and the message comes after', async () => {
  const household = await Household.open();
  const server = household.server('codex', 'bravo', WAKE);
  const { codex, model } = await codexRig({ server, approvals: 'on-request' });
  const terminal = codex.terminal();
  await untilWakeable(household, terminal, 'bravo');
  await terminal.say(`Work. ${ASKING}`);
  await terminal.shows('Would you like to run the following command?');

  const { message_id, detail } = await household.send('bravo', 'Stop at the next commit.');
  expect(detail).toContain('waiting for the next tool call of bravo (codex, not pushed yet by app-server)');
  await household.logged('bravo', 'the thread waits for its user');
  expect(await household.delivery(message_id)).toMatchObject({ state: 'leased' });
  terminal.press('y');

  await model.until('Stop at the next commit.');
  expect(await household.reaches('confirmed', message_id)).toMatchObject({ confirmed_by: 'client' });
  expect(model.timesTold('Stop at the next commit.')).toBe(1);
});

test('app-server restarted: nothing is lost, and the terminal can be woken again', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE) });
  const terminal = codex.terminal();
  await untilWakeable(household, terminal, 'bravo');

  const before = terminal.printed;
  await codex.restartDaemon();
  // back again, the terminal paints all that was said
  await terminal.shows('Good morning.', before);
  await household.sees('bravo', ({ push_route }) => push_route === 'none');
  await household.logged('bravo', 'session ends');
  const { message_id } = await household.send('bravo', 'The build on main is red.');
  expect(model.timesTold('The build on main is red.')).toBe(0);
  await terminal.say(`Go on. ${call('whoami')}`);

  // in the tool's response, or steered in: that call tells the new session which thread it serves
  await model.until('The build on main is red.');
  expect(model.timesTold('The build on main is red.')).toBe(1);
  await household.reaches('confirmed', message_id);
  await household.sees('bravo', ({ push_route, activity }) => push_route === 'app-server' && activity === 'idle');
  await household.send('bravo', 'Green again.');
  await model.until('Green again.');
});
