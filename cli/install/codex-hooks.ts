/** The hooks of agent-peers in Codex's configuration, and the user's consents to them. */
import { HOOK_TOOL, SERVER_NAME } from './file-edit.ts';
import { valueAt } from './json-text.ts';
import { appendLines, type Part, readToml, startsWith } from './toml-text.ts';

const EVENTS = ['SessionStart', 'UserPromptSubmit', 'PostToolUse', 'Stop'] as const;
type Event = (typeof EVENTS)[number];
/** Where a hook of agent-peers stands: event, group, place in the group. */
type HookAt = readonly [event: Event, group: number, index: number];

export function ownCodexHooks(value: unknown): HookAt[] {
  return EVENTS.flatMap((event) => {
    const groups = valueAt(value, ['hooks', event]);
    if (!Array.isArray(groups)) return [];
    return groups.flatMap((group: unknown, at) => {
      const hooks = valueAt(group, ['hooks']);
      if (!Array.isArray(hooks)) return [];
      return hooks.flatMap((hook: unknown, index) => (isOwn(hook) ? [[event, at, index] as const] : []));
    });
  });
}

/** How many of them the user has agreed to. */
export function trustedCodexHooks(value: Record<string, unknown>): number {
  return stateKeys(value, ownCodexHooks(value)).length;
}

export function isOwn(hook: unknown): boolean {
  return valueAt(hook, ['server']) === SERVER_NAME && valueAt(hook, ['tool']) === HOOK_TOOL;
}

/** Adds those that are missing. */
export function putHooks(text: string, path: string): string {
  const known = new Set(ownCodexHooks(readToml(text, path).value).map(([event]) => event));
  return EVENTS.filter((event) => !known.has(event)).reduce(
    (rest, event) =>
      appendLines(rest, [
        `[[hooks.${event}]]`,
        `[[hooks.${event}.hooks]]`,
        'type = "mcp_tool"',
        `server = "${SERVER_NAME}"`,
        `tool = "${HOOK_TOOL}"`,
        event === 'Stop'
          ? `input = { event = "${event}", stop_hook_active = "\${stop_hook_active}" }`
          : `input = { event = "${event}" }`,
      ]),
    text,
  );
}

/** The tables of the hooks: a hook in its group, or the group where it holds no other. */
export function hookParts(parts: readonly Part[], value: Record<string, unknown>): Part[] {
  return ownCodexHooks(value).flatMap(([event, group, index]) => {
    const handlers = valueAt(value, ['hooks', event, group, 'hooks']);
    const alone = Array.isArray(handlers) && handlers.every(isOwn);
    const table = ['hooks', event, group, ...(alone ? [] : ['hooks', index])];
    return parts.filter((part) => startsWith(part.path, table));
  });
}

/** The user's consents to the hooks, which Codex keeps in the same file as `<its path>:<event_in_snake_case>:<group>:<index>`. */
export function stateKeys(value: Record<string, unknown>, own: readonly HookAt[]): string[] {
  const state = valueAt(value, ['hooks', 'state']);
  if (typeof state !== 'object' || state === null) return [];
  const ends = own.map(([event, group, index]) => {
    const snake = event.replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
    return `config.toml:${snake}:${group}:${index}`;
  });
  return Object.keys(state).filter((key) => ends.some((end) => key.endsWith(end)));
}
