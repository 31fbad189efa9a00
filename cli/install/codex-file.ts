/** Codex's config.toml: the MCP server and the hooks. */
import { join } from 'node:path';
import { hookParts, isOwn, ownCodexHooks, putHooks, stateKeys } from './codex-hooks.ts';
import { putServer, SERVER } from './codex-server.ts';
import { type FileEdit, type Launch, type Place, SERVER_NAME } from './file-edit.ts';
import { valueAt } from './json-text.ts';
import { assertOnly, cutParts, fitting, noPlace, readToml, startsWith } from './toml-text.ts';

export interface CodexChoices {
  readonly hooks: boolean;
  /** A message may start a turn of an idle session: AGENT_PEERS_CODEX_WAKE. */
  readonly wake: boolean;
}

export function codexPath({ env, home }: Place): string {
  return join(env['CODEX_HOME'] || join(home, '.codex'), 'config.toml');
}

export function codexEdit(place: Place, launch: Launch, choices: CodexChoices): FileEdit {
  const path = codexPath(place);
  return {
    path,
    encoding: 'utf8',
    purpose: `Codex starts the MCP server${choices.hooks ? ', and asks for mail at the start, at prompts, after tools and before it stops' : ''}`,
    install: (text) => {
      readToml(text, path);
      const after = fitting(path, () => {
        const withServer = putServer(text, launch, choices.wake, path);
        return choices.hooks ? putHooks(withServer, path) : withServer;
      });
      assertOnly(text, after, (value) => others(value, []), path);
      return after;
    },
    uninstall: (text) => {
      const { parts, value } = readToml(text, path);
      const consents = stateKeys(value, ownCodexHooks(value));
      const own = [
        ...parts.filter((part) => startsWith(part.path, SERVER)),
        ...hookParts(parts, value),
        ...consents.flatMap((key) => parts.filter((part) => startsWith(part.path, ['hooks', 'state', key]))),
      ];
      const cut = cutParts(text, own);
      assertOnly(text, cut, (left) => others(left, consents), path);
      const left = readToml(cut, path).value;
      if (valueAt(left, SERVER) !== undefined || ownCodexHooks(left).length > 0) throw noPlace(path);
      return cut;
    },
  };
}

/**
 * The configuration without what belongs to agent-peers; two files that differ in nothing else are equal in this.
 * @param states keys of consents to its hooks
 */
function others(value: Record<string, unknown>, states: readonly string[]): unknown {
  const own = ownCodexHooks(value);
  const copy = structuredClone(value);
  const hooks = copy['hooks'] as Record<string, { hooks?: unknown[] }[]> | undefined;
  for (const [event, group] of own) {
    const kept = hooks?.[event]?.[group];
    if (kept?.hooks) kept.hooks = kept.hooks.filter((hook) => !isOwn(hook));
  }
  return prune(copy, states);
}

/** Empty tables mean nothing: they come and go with what stands in them. */
function prune(value: unknown, states: readonly string[], key = ''): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => prune(item, states)).filter((item) => item !== undefined && !isEmpty(item));
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const kept = Object.entries(value)
    .filter(([name]) => !(key === 'mcp_servers' && name === SERVER_NAME) && !(key === 'state' && states.includes(name)))
    .map(([name, item]) => [name, prune(item, states, name)] as const)
    .filter(([, item]) => !isEmpty(item));
  return Object.fromEntries(kept);
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && Object.keys(value).length === 0;
}
