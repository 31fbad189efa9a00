/** Claude Code and Codex, the real programs, find each other through agent-peers and talk. */
import { expect, test } from 'vitest';
import { Household } from './household.ts';
import { call } from './models/directives.ts';
import { claudeRig, codexRig } from './rig.ts';

/** What only the tool responses carry: the way that works for every client, whatever else can reach it. */
const UNPUSHED = { AGENT_PEERS_PUSH: 'none' };

test('Claude asks, Codex hears it in its next tool response and answers, Claude hears the answer in its own', async () => {
  const household = await Household.open();
  const alpha = await claudeRig({ server: household.server('claude', 'alpha', UNPUSHED) });
  const bravo = await codexRig({ server: household.server('codex', 'bravo', UNPUSHED) });
  const claude = alpha.claude.stream();
  await claude.turn(`Say hello. ${call('set_summary', { summary: 'moving the database' })}`);

  // Codex is in the middle of its turn while Claude speaks to it.
  const midTurn = bravo.model.hold();
  const codexEnded = bravo.codex.exec(`Who is there? ${call('list_peers')}`);
  await bravo.model.until('Who is there?');

  const question = `Which port does the database listen on? ${call('send_message', { to_id: 'alpha', message: 'It listens on 5433.' })}`;
  await claude.turn(`Ask bravo. ${call('list_peers')} ${call('send_message', { to_id: 'bravo', message: question })}`);
  expect(await alpha.model.toolResponse('bravo [codex]')).toContain(bravo.sandbox.project);

  midTurn.release();
  const heard = await bravo.model.toolResponse('[PEER INBOX]');
  expect(heard, 'it comes with what the model asked for').toContain('alpha [claude]');
  expect(heard).toContain('moving the database');
  expect(heard).toContain('Which port does the database listen on?');
  const codex = await codexEnded;
  expect(codex.code, codex.stderr).toBe(0);
  // A tool that needs approval is refused in exec, and the model is told so instead of getting a receipt.
  const receipt = bravo.model.requests.all.at(-1);
  expect(receipt?.entries.filter((entry) => entry.role === 'call').map((entry) => entry.text.split(' ', 1)[0])).toEqual(
    ['list_peers', 'send_message'],
  );
  expect(receipt?.news).toMatch(/waiting|pushed/);

  await claude.turn(`Anything new? ${call('set_summary', { summary: 'moving the database to 5433' })}`);
  const answer = await alpha.model.toolResponse('[PEER INBOX]');
  expect(answer).toContain('Summary set.');
  expect(answer).toContain('It listens on 5433.');
});
