/** Whether what clients are told to start really starts, in time, and whether a message gets from one to the other. */
import { toPeersError } from '../../shared/errors.ts';
import { cleanLine } from '../../shared/text.ts';
import { CLIENT_TITLES, type ClientName } from '../install/find-clients.ts';
import { launches } from '../install/launch.ts';
import type { Io } from '../io.ts';

import { type Finding, findingsOf } from './finding.ts';
import { Lab } from './lab.ts';
import type { McpProbe } from './mcp-probe.ts';
import { asStartedBy, type Registered } from './registered.ts';

const { ok, warning, error } = findingsOf('delivery');

/** Both clients give a server 30 s; `codex exec` asks the model after one second, without the tools of a slower one. */
const LIMIT_MS = 30_000;
const QUICK_MS: Record<ClientName, number> = { claude: 10_000, codex: 1_000 };
const CALL_MS = 20_000;
const CLIENT_INFO: Record<ClientName, string> = { claude: 'claude-code', codex: 'codex-mcp-client' };

interface Side {
  readonly client: ClientName;
  readonly name: string;
  readonly probe: McpProbe;
}

export async function deliveryFindings(registered: readonly Registered[], io: Io): Promise<Finding[]> {
  const lab = await Lab.open(io);
  try {
    const started = [await start('claude', registered, lab, io), await start('codex', registered, lab, io)];
    const findings = started.map(({ finding }) => finding);
    const [claude, codex] = started.map(({ side }) => side);
    if (!claude || !codex) return findings;
    return [...findings, await delivers(claude, codex), await delivers(codex, claude)];
  } finally {
    await lab.close();
  }
}

async function start(
  client: ClientName,
  registered: readonly Registered[],
  lab: Lab,
  io: Io,
): Promise<{ finding: Finding; side?: Side }> {
  const known = registered.find((one) => one.client === client);
  // without an entry, the server of this installation: a message can be tried all the same
  const own: Registered = { client, path: '', env: {}, ...launches(io)[client] };
  const name = `doctor-${client}`;
  const which = known ? `what ${CLIENT_TITLES[client]} is told to start` : `the server for ${CLIENT_TITLES[client]}`;
  const probe = lab.start(asStartedBy(known ?? own, io, lab.folder), name);
  const begin = io.now();
  try {
    await probe.initialize(CLIENT_INFO[client], LIMIT_MS);
    const { tools } = (await probe.request('tools/list', {}, LIMIT_MS)) as { tools: readonly unknown[] };
    const ms = io.now() - begin;
    const told = `${which} offers ${tools.length} tools after ${ms} ms`;
    const finding =
      ms <= QUICK_MS[client]
        ? ok(told)
        : warning(
            told,
            client === 'codex'
              ? 'codex exec waits about one second; on a busy machine it may ask the model without these tools.'
              : 'Is the machine very busy?',
          );
    return { finding, side: { client, name, probe } };
  } catch (thrown) {
    const command = [known?.command ?? own.command, ...(known?.args ?? own.args)].join(' ');
    const { message } = toPeersError(thrown);
    return {
      finding: error(
        `${which} does not work (${cleanLine(command)}): ${message}`,
        'Run agent-peers install again; if it stays so, start that command by hand to see what it says.',
      ),
    };
  }
}

async function delivers(from: Side, to: Side): Promise<Finding> {
  const text = `a message from ${from.name}`;
  const way = `${CLIENT_TITLES[from.client]} to ${CLIENT_TITLES[to.client]}`;
  try {
    await to.probe.callTool('whoami', {}, CALL_MS);
    await from.probe.callTool('send_message', { to_id: to.name, message: text, intent: 'ack-not-needed' }, CALL_MS);
    const inbox = await to.probe.callTool('check_messages', {}, CALL_MS);
    if (inbox.includes(text)) return ok(`a message gets from a session of ${way}`);
    return error(`a message from a session of ${way} did not arrive`, 'Look at broker.log in ~/.agent-peers.');
  } catch (thrown) {
    const { message } = toPeersError(thrown);
    return error(`no message gets from a session of ${way}: ${message}`, 'Look at broker.log in ~/.agent-peers.');
  }
}
