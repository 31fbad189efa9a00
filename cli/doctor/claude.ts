/** What stands in Claude Code's configuration, and how messages will reach its sessions. */
import { isNewer } from '../../shared/ensure-broker.ts';
import { INBOX_SOCKET_SINCE } from '../install/choices.ts';
import { claudePaths, ownClaudeHooks } from '../install/claude-files.ts';
import { type Place, SERVER_NAME } from '../install/file-edit.ts';
import { findClient } from '../install/find-clients.ts';
import { readJson, valueAt } from '../install/json-text.ts';
import { readTextFile } from '../install/text-file.ts';
import { type Finding, findingsOf } from './finding.ts';
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

export async function claudeReport(place: Place): Promise<ClientReport> {
  const client = await findClient('claude', place);
  const paths = claudePaths(place);
  if (!client) return absent('claude');
  const found = ok(`Claude Code ${client.version ?? 'of unknown version'} (${client.path})`);
  return await lookedInto('claude', found, async () => {
    const entry = valueAt(await json(paths.state), ['mcpServers', SERVER_NAME]);
    const server = registeredBy('claude', paths.state, entry);
    if (!server) return { findings: [notRegistered('claude', paths.state)], registered: [] };
    const hooks = ownClaudeHooks((await readTextFile(paths.settings, 'utf8')).text ?? '', paths.settings);
    const before = client.version !== undefined && isNewer(INBOX_SOCKET_SINCE, client.version);
    const pushed = server.env['AGENT_PEERS_PUSH'] ?? place.env['AGENT_PEERS_PUSH'];
    return {
      findings: [
        ...entryFindings(server, place),
        ...(valueAt(entry, ['alwaysLoad']) === true
          ? []
          : [
              warning(
                `${paths.state}: the entry has no "alwaysLoad": true, so some tools hide behind a search`,
                INSTALL,
              ),
            ]),
        claudeRoute(pushed, before, client.version),
        hooks === 0
          ? warning(
              'Claude Code has no hooks of agent-peers: what was not pushed waits for the next tool call',
              INSTALL,
            )
          : ok('Claude Code has the hooks of agent-peers'),
      ],
      registered: [server],
    };
  });
}

function claudeRoute(pushed: string | undefined, before: boolean, version: string | undefined): Finding {
  if (pushed !== undefined && pushed !== 'auto') {
    return ok(`push route of Claude Code: ${pushed}, because AGENT_PEERS_PUSH says so`);
  }
  if (!before) {
    return ok(
      `push route of Claude Code: inbox-socket, since ${version ?? 'a current version'} has one; channel where it is started with the channel flag`,
    );
  }
  return warning(
    `push route of Claude Code: channel, since ${version} has no inbox socket (${INBOX_SOCKET_SINCE} and newer have); it works only when Claude Code is started with the channel flag`,
    'Start it with: agentpeers - or update it: claude update',
  );
}

async function json(path: string): Promise<Record<string, unknown>> {
  return readJson((await readTextFile(path, 'utf8')).text ?? '', path);
}
