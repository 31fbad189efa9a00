/** What a run of `install` is to do: from the command line, and from the person where there is one to ask. */
import { isNewer } from '../../shared/ensure-broker.ts';
import { PeersError } from '../../shared/errors.ts';
import type { Terminal } from '../io.ts';
import { claudeHooksEdit, claudeServerEdit } from './claude-files.ts';
import { codexEdit } from './codex-file.ts';
import type { FileEdit, Place } from './file-edit.ts';
import { CLIENT_TITLES, type ClientName, type FoundClient } from './find-clients.ts';
import type { Launches } from './launch.ts';
import { OTHER_CLIENTS, type OtherClient, otherClientEdit } from './other-clients.ts';
import { loginShell, SHELLS, type Shell, shellEdit } from './shell-file.ts';

export const CLIENTS = ['claude', 'codex', ...OTHER_CLIENTS] as const;
export type AnyClient = (typeof CLIENTS)[number];

export interface InstallOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly client?: readonly AnyClient[];
  readonly hooks: boolean;
  readonly alias: boolean;
  readonly shell?: Shell;
  readonly skipPermissions?: true;
  readonly channel?: true;
  readonly wake?: true;
}

export interface Choices {
  readonly clients: readonly AnyClient[];
  readonly hooks: boolean;
  readonly shell: Shell | undefined;
}

/** The first Claude Code with an inbox socket: before it, only a channel reaches a session unasked. */
export const INBOX_SOCKET_SINCE = '2.1.224';

/** @throws PeersError `client_not_found` where there is nothing to set up */
export function chosenByOptions(options: InstallOptions, found: readonly FoundClient[], place: Place): Choices {
  const clients = options.client ?? found.map(({ name }) => name);
  if (clients.length === 0) {
    throw new PeersError(
      'client_not_found',
      'Neither Claude Code nor Codex was found on PATH or where their installers put them.',
      `Install one of them, or name the client whose configuration is to be written: --client ${CLIENTS.join('|')}`,
    );
  }
  const shell = options.alias && clients.includes('claude') ? (options.shell ?? loginShell(place)) : undefined;
  return { clients, hooks: options.hooks, shell };
}

/** @returns undefined where the person wants nothing done */
export async function ask(
  choices: Choices,
  found: readonly FoundClient[],
  place: Place,
  terminal: Terminal,
): Promise<Choices | undefined> {
  // loaded here only: no other command asks anything
  const { confirm, isCancel, multiselect } = await import('@clack/prompts');
  const label = ({ name, version }: FoundClient) => `${CLIENT_TITLES[name]}${version ? ` ${version}` : ''}`;
  const clients = await multiselect<AnyClient>({
    ...terminal,
    message: 'Which clients shall have agent-peers?',
    options: [
      ...found.map((client) => ({ value: client.name, label: label(client) })),
      ...choices.clients
        .filter((name) => !found.some((one) => one.name === name))
        .map((value) => ({ value, label: value })),
    ],
    initialValues: [...choices.clients],
  });
  if (isCancel(clients)) return undefined;
  const hooks =
    choices.hooks && clients.some(isHooked)
      ? await confirm({
          ...terminal,
          message:
            'Add hooks, so that mail is seen at the next prompt and before a session stops, not only at tool calls?',
        })
      : false;
  if (isCancel(hooks)) return undefined;
  const shell = clients.includes('claude') ? (choices.shell ?? loginShell(place)) : undefined;
  const alias =
    shell === undefined
      ? false
      : await confirm({
          ...terminal,
          message: `Add the command agentpeers to ${shell}? It starts Claude Code with agent-peers.`,
        });
  if (isCancel(alias)) return undefined;
  return { clients, hooks, shell: alias ? shell : undefined };
}

function isHooked(client: AnyClient): client is ClientName {
  return client === 'claude' || client === 'codex';
}

/** The changes that the choices come to. */
export function editsFor(
  { clients, hooks, shell }: Choices,
  options: Pick<InstallOptions, 'skipPermissions' | 'channel' | 'wake'>,
  launches: Launches,
  claude: FoundClient | undefined,
  place: Place,
): FileEdit[] {
  const { skipPermissions = false, channel = isBeforeInboxSocket(claude), wake = false } = options;
  return [
    ...(clients.includes('claude') ? [claudeServerEdit(place, launches.claude)] : []),
    ...(clients.includes('claude') && hooks ? [claudeHooksEdit(place)] : []),
    ...(clients.includes('codex') ? [codexEdit(place, launches.codex, { hooks, wake })] : []),
    ...clients.filter(isOther).map((client) => otherClientEdit(client, place, launches.codex)),
    ...(shell === undefined ? [] : [shellEdit(shell, place, { skipPermissions, channel })]),
  ];
}

/** Every change that some run of `install` may have made, for taking all of them back. */
export function allEdits(place: Place): FileEdit[] {
  const none = { command: '', args: [] };
  return [
    claudeServerEdit(place, none),
    claudeHooksEdit(place),
    codexEdit(place, none, { hooks: true, wake: true }),
    ...OTHER_CLIENTS.map((client) => otherClientEdit(client, place, none)),
    ...SHELLS.map((shell) => shellEdit(shell, place, { skipPermissions: false, channel: false })),
  ];
}

function isOther(client: AnyClient): client is OtherClient {
  return OTHER_CLIENTS.some((other) => other === client);
}

function isBeforeInboxSocket(claude: FoundClient | undefined): boolean {
  return claude?.version !== undefined && isNewer(INBOX_SOCKET_SINCE, claude.version);
}
