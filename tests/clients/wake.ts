/** A Codex terminal that may be woken. */
import type { TerminalClient } from './harness/terminal-client.ts';
import type { Household } from './household.ts';
import { call } from './models/directives.ts';

/** The user's consent to wakes, each of which is a billed turn. */
export const WAKE = { AGENT_PEERS_CODEX_WAKE: '1' };

/** The first call of a tool tells the session which thread it serves; from then on it can be woken. */
export async function untilWakeable(household: Household, terminal: TerminalClient, name: string): Promise<void> {
  await household.sees(name);
  await terminal.say(`Good morning. ${call('list_peers')}`);
  await household.sees(name, ({ push_route, activity }) => push_route === 'app-server' && activity === 'idle');
}
