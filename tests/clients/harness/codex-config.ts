/** Writes Codex's config.toml, with every first-run question answered. */
import { type McpServer, SERVER_NAME } from './mcp-server.ts';

export interface CodexConfig {
  readonly modelUrl: string;
  readonly project: string;
  readonly server: McpServer;
  /** Names of variables that Codex passes on to the server from its own environment. */
  readonly passEnv?: readonly string[];
  /** When the user is asked before a command runs; never, unless a test wants to be asked. */
  readonly approvals?: Approvals;
  /** More TOML, for instance hooks. */
  readonly extra?: string;
}

export type Approvals = 'never' | 'on-request';

/** The variable in which the scripted provider's key is expected. */
export const KEY_NAME = 'SCRIPTED_MODEL_KEY';

export function codexConfig({
  modelUrl,
  project,
  server,
  passEnv = [],
  approvals = 'never',
  extra = '',
}: CodexConfig): string {
  return `model = "scripted"
model_provider = "scripted"
approval_policy = ${toml(approvals)}
check_for_update_on_startup = false

[features]
plugins = false # at start it would ask github.com and chatgpt.com for plugins

[model_providers.scripted]
name = "scripted"
base_url = ${toml(`${modelUrl}/v1`)}
wire_api = "responses"
env_key = ${toml(KEY_NAME)}
request_max_retries = 1
stream_max_retries = 1

[projects.${toml(project)}]
trust_level = "trusted"

[mcp_servers.${SERVER_NAME}]
command = ${toml(server.command)}
args = ${toml(server.args)}
env_vars = ${toml(passEnv)}
required = true # wait for it: exec otherwise asks the model after about a second without the tools, on a busy machine too

[mcp_servers.${SERVER_NAME}.env]
${Object.entries(server.env)
  .map(([name, value]) => `${name} = ${toml(value)}`)
  .join('\n')}

${extra}
`;
}

/** JSON's strings and lists of strings are TOML's too. */
function toml(value: string | readonly string[]): string {
  return JSON.stringify(value);
}
