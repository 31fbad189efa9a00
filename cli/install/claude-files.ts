/** Claude Code's files: the MCP server in its own .claude.json, and the hooks in settings.json. */
import { join } from 'node:path';
import { type FileEdit, HOOK_TOOL, type Launch, type Place, SERVER_NAME } from './file-edit.ts';
import { appendItem, readJson, removeValue, setValue, valueAt } from './json-text.ts';

const SERVER = ['mcpServers', SERVER_NAME] as const;
const EVENTS = ['UserPromptSubmit', 'PostToolUse', 'Stop'] as const;
type Event = (typeof EVENTS)[number];

/** .claude.json stands beside the folder .claude, or in the folder that CLAUDE_CONFIG_DIR names instead. */
export function claudePaths({ env, home }: Place): { state: string; settings: string } {
  const folder = env['CLAUDE_CONFIG_DIR'];
  return {
    state: join(folder || home, '.claude.json'),
    settings: join(folder || join(home, '.claude'), 'settings.json'),
  };
}

/** The entry that a user gets who has none. */
function claudeServer(launch: Launch): Record<string, unknown> {
  return {
    type: 'stdio',
    command: launch.command,
    args: launch.args,
    env: { AGENT_PEERS_ENABLED: '1' },
    // without it Claude Code hides the tools behind a search
    alwaysLoad: true,
  };
}

export function claudeServerEdit(place: Place, launch: Launch): FileEdit {
  const path = claudePaths(place).state;
  return {
    path,
    encoding: 'utf8',
    purpose: 'Claude Code starts the MCP server',
    install: (text) => {
      const known = valueAt(readJson(text, path), SERVER);
      const wanted = claudeServer(launch);
      if (known === undefined) return setValue(text, SERVER, wanted, path);
      // what the user added to the entry stays
      const { env: _, ...plain } = wanted;
      const fields = Object.entries(plain).map(([name, value]) => [[...SERVER, name], value] as const);
      const all = [...fields, [[...SERVER, 'env', 'AGENT_PEERS_ENABLED'], '1'] as const];
      return all.reduce((rest, [at, value]) => setValue(rest, at, value, path), text);
    },
    uninstall: (text) => removeValue(text, SERVER, path),
  };
}

export function claudeHooksEdit(place: Place): FileEdit {
  const path = claudePaths(place).settings;
  return {
    path,
    encoding: 'utf8',
    purpose: 'Claude Code asks for mail at prompts, after tools and before it stops',
    install: (text) =>
      EVENTS.filter((event) => ownHooks(text, event, path).length === 0).reduce(
        (rest, event) => appendItem(rest, ['hooks', event], hookGroup(event), path),
        text,
      ),
    uninstall: (text) =>
      EVENTS.reduce(
        (rest, event) =>
          // from the last, so that the places of those before stay what they are
          ownHooks(rest, event, path)
            .toReversed()
            .reduce((left, at) => removeValue(left, ['hooks', event, ...at], path), rest),
        text,
      ),
  };
}

function hookGroup(event: Event): Record<string, unknown> {
  // Claude Code fills in the name in braces; in the second Stop in a row it is true
  const input = event === 'Stop' ? { event, stop_hook_active: `\${stop_hook_active}` } : { event };
  const hook = { type: 'mcp_tool', server: SERVER_NAME, tool: HOOK_TOOL, input };
  return { ...(event === 'PostToolUse' ? { matcher: '' } : {}), hooks: [hook] };
}

/** How many hooks of agent-peers there are. */
export function ownClaudeHooks(text: string, path: string): number {
  return EVENTS.flatMap((event) => ownHooks(text, event, path)).length;
}

/** Where the hooks of agent-peers stand under an event: a hook in its group, or the group where it holds no other. */
function ownHooks(text: string, event: Event, path: string): (readonly (string | number)[])[] {
  const groups = valueAt(readJson(text, path), ['hooks', event]);
  if (!Array.isArray(groups)) return [];
  return groups.flatMap((group: unknown, index) => {
    const hooks: unknown = valueAt(group, ['hooks']);
    if (!Array.isArray(hooks) || !hooks.some(isOwn)) return [];
    return hooks.every(isOwn) ? [[index]] : hooks.flatMap((hook, at) => (isOwn(hook) ? [[index, 'hooks', at]] : []));
  });
}

function isOwn(hook: unknown): boolean {
  return valueAt(hook, ['server']) === SERVER_NAME && valueAt(hook, ['tool']) === HOOK_TOOL;
}
