/** The product's hooks as its users have them in their clients' settings. */
import { HOOK_TOOL } from '../../session/hooks.ts';
import { SERVER_NAME } from './harness/mcp-server.ts';

/** What the client fills in: whether this Stop follows one that a hook has already turned into more work. */
const STOPPED_BEFORE = '$' + '{stop_hook_active}';

const CLAUDE_EVENTS = ['UserPromptSubmit', 'PostToolUse', 'Stop'] as const;
const CODEX_EVENTS = ['SessionStart', ...CLAUDE_EVENTS] as const;
export type HookedEvent = (typeof CODEX_EVENTS)[number];

function input(event: HookedEvent): Record<string, string> {
  return { event, ...(event === 'Stop' ? { stop_hook_active: STOPPED_BEFORE } : {}) };
}

/** A settings.json for Claude Code. */
export function claudeHooks(events: readonly HookedEvent[] = CLAUDE_EVENTS): { hooks: Record<string, object[]> } {
  const hook = (event: HookedEvent) => ({
    type: 'mcp_tool',
    server: SERVER_NAME,
    tool: HOOK_TOOL,
    input: input(event),
  });
  return { hooks: Object.fromEntries(events.map((event) => [event, [{ hooks: [hook(event)] }]])) };
}

/** Tables for Codex's config.toml. */
export function codexHooks(events: readonly HookedEvent[] = CODEX_EVENTS): string {
  const inline = (fields: Record<string, string>) =>
    Object.entries(fields)
      .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
      .join(', ');
  return events
    .map(
      (event) => `
[[hooks.${event}]]
[[hooks.${event}.hooks]]
type = "mcp_tool"
server = ${JSON.stringify(SERVER_NAME)}
tool = ${JSON.stringify(HOOK_TOOL)}
input = { ${inline(input(event))} }`,
    )
    .join('\n');
}
