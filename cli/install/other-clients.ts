/** Other MCP clients: each has its own file and its own words for the same entry. The Codex server serves them all. */
import { join } from 'node:path';
import { type FileEdit, type Launch, type Place, SERVER_NAME } from './file-edit.ts';
import { type Path, readJson, removeValue, setValue, valueAt } from './json-text.ts';

export const OTHER_CLIENTS = ['gemini', 'cursor', 'opencode', 'vscode'] as const;
export type OtherClient = (typeof OTHER_CLIENTS)[number];

interface Documented {
  readonly title: string;
  /** The user's own configuration, for all projects. */
  path(place: Place): string;
  servers(config: Record<string, unknown>): Path;
  entry(launch: Launch): Record<string, unknown>;
}

const ENV = { AGENT_PEERS_ENABLED: '1' };

const CLIENTS: Record<OtherClient, Documented> = {
  // geminicli.com/docs/tools/mcp-server
  gemini: {
    title: 'Gemini CLI',
    path: ({ home }) => join(home, '.gemini', 'settings.json'),
    servers: () => ['mcpServers'],
    // milliseconds; Gemini's own limit is ten minutes
    entry: ({ command, args }) => ({ command, args, env: ENV, timeout: 300_000 }),
  },
  // cursor.com/docs/context/mcp
  cursor: {
    title: 'Cursor',
    path: ({ home }) => join(home, '.cursor', 'mcp.json'),
    servers: () => ['mcpServers'],
    entry: ({ command, args }) => ({ type: 'stdio', command, args, env: ENV }),
  },
  // opencode.ai/docs/mcp-servers; its second version moved the servers one level down
  opencode: {
    title: 'opencode',
    path: ({ env, home }) => join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'opencode', 'opencode.json'),
    servers: (config) => (valueAt(config, ['mcp', 'servers']) === undefined ? ['mcp'] : ['mcp', 'servers']),
    entry: ({ command, args }) => ({ type: 'local', command: [command, ...args], enabled: true, environment: ENV }),
  },
  // code.visualstudio.com/docs/copilot/reference/mcp-configuration
  vscode: {
    title: 'VS Code',
    path: (place) => join(codeFolder(place), 'User', 'mcp.json'),
    servers: () => ['servers'],
    entry: ({ command, args }) => ({ type: 'stdio', command, args, env: ENV }),
  },
};

export function otherClientEdit(client: OtherClient, place: Place, launch: Launch): FileEdit {
  const { title, path: pathOf, servers, entry } = CLIENTS[client];
  const path = pathOf(place);
  const at = (text: string) => [...servers(readJson(text, path)), SERVER_NAME];
  return {
    path,
    encoding: 'utf8',
    purpose: `${title} starts the MCP server`,
    install: (text) => {
      const known = valueAt(readJson(text, path), at(text));
      if (known === undefined) return setValue(text, at(text), entry(launch), path);
      // what the user added to the entry stays
      return Object.entries(entry(launch))
        .flatMap(([name, value]) => fieldsOf(name, value))
        .reduce((rest, [field, value]) => setValue(rest, [...at(text), ...field], value, path), text);
    },
    uninstall: (text) => removeValue(text, at(text), path),
  };
}

/** A table of variables is merged into the user's, anything else is set as a whole. */
function fieldsOf(name: string, value: unknown): (readonly [string[], unknown])[] {
  if (value !== ENV) return [[[name], value]];
  return Object.entries(ENV).map(([variable, set]) => [[name, variable], set] as const);
}

function codeFolder({ env, home, platform }: Place): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Code');
  if (platform === 'win32') return join(env['APPDATA'] || join(home, 'AppData', 'Roaming'), 'Code');
  return join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'Code');
}
