/** What a person should know after `install`: what comes next, and what only they can do. */
import type { Choices } from './choices.ts';
import { CLIENT_TITLES, type FoundClient } from './find-clients.ts';
import type { Plan } from './plan.ts';

interface Outcome {
  readonly choices: Choices;
  readonly found: readonly FoundClient[];
  readonly plan: Plan;
  readonly temporary: boolean;
  readonly dryRun: boolean;
}

export function notesFor({ choices, found, plan, temporary, dryRun }: Outcome): string[] {
  const missing = (['claude', 'codex'] as const).filter((name) => !found.some((client) => client.name === name));
  const changed = plan.steps.length > 0;
  const { clients, hooks, shell } = choices;
  return [
    ...missing.map((name) => `${CLIENT_TITLES[name]} was not found. Once it is there, run agent-peers install again.`),
    ...(temporary && dryRun
      ? ['This runs from the cache of npx: install would first install the package globally.']
      : []),
    ...(!changed && plan.refused.length === 0 ? ['Everything is set up already: nothing to change.'] : []),
    ...(changed && clients.includes('codex') && hooks
      ? [
          'Codex runs new hooks only once you trust them: at its next start in a terminal choose "Trust all and continue".',
          'Until then it works without them, and codex exec skips them without a word.',
        ]
      : []),
    ...(changed && !dryRun
      ? [
          `Next: open a new terminal and start ${shell === undefined ? 'your clients as always' : 'agentpeers, or your clients as always'}. Sessions that run already do not have the tools yet.`,
          'Check with: agent-peers doctor',
        ]
      : []),
  ];
}
