/** The entry of agent-peers among the MCP servers in Codex's configuration. */
import type { AST } from 'toml-eslint-parser';
import { type Launch, SERVER_NAME } from './file-edit.ts';
import { valueAt } from './json-text.ts';
import { appendLines, insertLinesAfter, noPlace, readToml, replaceRange, samePath } from './toml-text.ts';
import { toml } from './toml-value.ts';

export const SERVER = ['mcp_servers', SERVER_NAME] as const;
/** Codex's own default is 60 s, too short for wait_for_messages. */
const TOOL_TIMEOUT_S = 300;

/** Adds the entry, or brings the one that is there up to date and keeps what the user added to it. */
export function putServer(text: string, launch: Launch, wake: boolean, path: string): string {
  const known = valueAt(readToml(text, path).value, SERVER);
  const env = { AGENT_PEERS_ENABLED: '1', ...(wake ? { AGENT_PEERS_CODEX_WAKE: '1' } : {}) };
  if (known === undefined) {
    return appendLines(text, [
      `[mcp_servers.${SERVER_NAME}]`,
      `command = ${toml(launch.command)}`,
      `args = ${toml(launch.args)}`,
      `env = ${toml(env)}`,
      'env_vars = ["CODEX_HOME"]',
      `tool_timeout_sec = ${TOOL_TIMEOUT_S}`,
    ]);
  }
  const passed = valueAt(known, ['env_vars']);
  const names = Array.isArray(passed) ? passed : [];
  const wanted: [readonly string[], unknown][] = [
    [['command'], launch.command],
    [['args'], launch.args],
    ...Object.entries(env).map(([name, set]): [string[], unknown] => [['env', name], set]),
    [['env_vars'], names.includes('CODEX_HOME') ? names : [...names, 'CODEX_HOME']],
    // a longer or shorter time is the user's own choice
    [['tool_timeout_sec'], valueAt(known, ['tool_timeout_sec']) ?? TOOL_TIMEOUT_S],
  ];
  return wanted.reduce((rest, [key, set]) => setKey(rest, key, set, path), text);
}

/** Sets a key of the server's entry, in the form in which the entry is written. */
function setKey(text: string, key: readonly string[], wanted: unknown, path: string): string {
  const { value, parts } = readToml(text, path);
  if (toml(valueAt(value, [...SERVER, ...key])) === toml(wanted)) return text;
  const at = [...SERVER, ...key];
  const same = parts.find((part) => part.node.type === 'TOMLKeyValue' && samePath(part.path, at));
  if (same?.node.type === 'TOMLKeyValue') return replaceRange(text, same.node.value.range, toml(wanted));

  const name = key.at(-1) ?? '';
  const parent = parts.findLast(({ path: of }) => samePath(of, at.slice(0, -1)));
  if (parent?.node.type === 'TOMLTable')
    return insertLinesAfter(text, lastOf(parent.node), [`${name} = ${toml(wanted)}`]);
  if (parent?.node.type === 'TOMLKeyValue' && parent.node.value.type === 'TOMLInlineTable') {
    return setInline(text, parent.node.value, name, wanted);
  }
  const entry = parts.find(({ path: of, node }) => node.type === 'TOMLTable' && samePath(of, SERVER));
  if (entry?.node.type === 'TOMLTable') {
    return insertLinesAfter(text, lastOf(entry.node), [`${key.join('.')} = ${toml(wanted)}`]);
  }
  const inline = parts.find(({ path: of, node }) => node.type === 'TOMLKeyValue' && samePath(of, SERVER));
  if (inline?.node.type !== 'TOMLKeyValue' || inline.node.value.type !== 'TOMLInlineTable') throw noPlace(path);
  const siblings = valueAt(value, [...SERVER, ...key.slice(0, -1)]);
  return setInline(text, inline.node.value, key[0] ?? '', { ...(siblings as object | undefined), [name]: wanted });
}

/** The last line of the table's own: its last key, or its head. */
function lastOf(table: AST.TOMLTable): AST.TOMLTable | AST.TOMLKeyValue {
  return table.body.at(-1) ?? table;
}

function setInline(text: string, table: AST.TOMLInlineTable, name: string, wanted: unknown): string {
  const same = table.body.find(({ key: { keys } }) => {
    const [only] = keys;
    return keys.length === 1 && only !== undefined && (only.type === 'TOMLBare' ? only.name : only.value) === name;
  });
  if (same) return replaceRange(text, same.value.range, toml(wanted));
  const last = table.body.at(-1);
  const pair = `${name} = ${toml(wanted)}`;
  if (!last) return replaceRange(text, table.range, `{ ${pair} }`);
  return replaceRange(text, [last.range[1], last.range[1]], `, ${pair}`);
}
