/** A Codex thread whose terminal is gone: a wake would run a turn that nobody sees, and be billed. */
import { expect, test } from 'vitest';
import { Household } from './household.ts';
import { codexRig } from './rig.ts';
import { untilWakeable, WAKE } from './wake.ts';

test('terminal closed with /quit: its thread is never woken, and the message waits for the next session', async () => {
  const household = await Household.open();
  const { codex, model } = await codexRig({ server: household.server('codex', 'bravo', WAKE) });
  const closing = codex.terminal();
  await untilWakeable(household, closing, 'bravo');
  const staying = codex.terminal();
  await untilWakeable(household, staying, 'bravo-2');
  await closing.say('/quit');
  await closing.exited();
  const from = model.requests.size;

  const { message_id } = await household.send('bravo', 'Are you still there?');
  await household.logged('bravo', 'no terminal seems to show the thread');
  await household.misses('bravo', 90_000);

  expect(model.requests.size, 'the daemon unloaded the thread without a turn that nobody sees').toBe(from);
  expect(await household.reaches('queued', message_id)).toMatchObject({ confirmed_at: null });
  await household.send('bravo-2', 'But you are.');
  await model.until('But you are.');
});
