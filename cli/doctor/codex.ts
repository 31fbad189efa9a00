/** What stands in Codex's configuration, and how messages will reach its sessions. */
import { codexPath } from '../install/codex-file.ts';
import { ownCodexHooks, trustedCodexHooks } from '../install/codex-hooks.ts';
import { type Place, SERVER_NAME } from '../install/file-edit.ts';
import { findClient } from '../install/find-clients.ts';
import { valueAt } from '../install/json-text.ts';
import { readTextFile } from '../install/text-file.ts';
import { readToml } from '../install/toml-text.ts';
import { findingsOf } from './finding.ts';
import {
  absent,
  type ClientReport,
  entryFindings,
  INSTALL,
  lookedInto,
  notRegistered,
  registeredBy,
} from './registered.ts';

const { ok, warning } = findingsOf('clients');

export async function codexReport(place: Place): Promise<ClientReport> {
  const client = await findClient('codex', place);
  const path = codexPath(place);
  if (!client) return absent('codex');
  const found = ok(`Codex ${client.version ?? 'of unknown version'} (${client.path})`);
  return await lookedInto('codex', found, async () => {
    const { value } = readToml((await readTextFile(path, 'utf8')).text ?? '', path);
    const entry = valueAt(value, ['mcp_servers', SERVER_NAME]);
    const server = registeredBy('codex', path, entry);
    if (!server) return { findings: [notRegistered('codex', path)], registered: [] };
    const passed = valueAt(entry, ['env_vars']);
    const hooks = ownCodexHooks(value);
    const trusted = trustedCodexHooks(value);
    const wake = server.env['AGENT_PEERS_CODEX_WAKE'] === '1' || server.env['AGENT_PEERS_PUSH'] === 'app-server';
    return {
      findings: [
        ...entryFindings(server, place),
        ...(place.env['CODEX_HOME'] && !(Array.isArray(passed) && passed.includes('CODEX_HOME'))
          ? [warning(`${path}: CODEX_HOME is set, and env_vars does not pass it on`, INSTALL)]
          : []),
        wake
          ? ok(
              'push route of Codex: app-server in the terminal program, because waking is switched on; none in codex exec',
            )
          : ok(
              'push route of Codex: none; messages come with tool responses and hooks (waking it: agent-peers install --wake)',
            ),
        hooks.length === 0
          ? warning('Codex has no hooks of agent-peers: messages wait for the next tool call', INSTALL)
          : trusted < hooks.length
            ? warning(
                `${hooks.length - trusted} of ${hooks.length} hooks wait for your trust, so Codex does not run them`,
                'Start codex in a terminal and choose "Trust all and continue".',
              )
            : ok('Codex has the hooks of agent-peers, and your trust in them'),
      ],
      registered: [server],
    };
  });
}
