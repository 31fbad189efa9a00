/**
 * `agent-peers statusline`: one short line for Claude Code's status line: this session's name, what waits for it, and
 * how it is reached. Claude Code asks often and shows whatever comes, so nothing here fails, waits or starts a broker.
 */
import * as z from 'zod';
import { BrokerClient } from '../shared/client.ts';
import type { Response } from '../shared/contract/index.ts';
import { PeersError } from '../shared/errors.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';

type Peer = Response<'peerOfConversation'>['peer'];

/** The part of Claude Code's status line document that is used here. */
const Input = z.object({ session_id: z.string().min(1).max(128) });
const INPUT_MAX_BYTES = 1024 * 1024;
const ANSWER_TIMEOUT_MS = 1_000;

export const statuslineCommand: CommandGroup = (program, context) => {
  program
    .command('statusline')
    .description('Print one line about this session for the status line of Claude Code, whose JSON it reads.')
    .addHelpText(
      'after',
      examples([
        '"statusLine": { "type": "command", "command": "agent-peers statusline", "refreshInterval": 5 }',
        'in ~/.claude/settings.json; a script of your own can call it too and pass its input on',
      ]),
    )
    .action(async () => {
      const peer = await whoAmI(context);
      const line = { name: peer?.name ?? null, unread: peer?.unread ?? 0, push_route: peer?.push_route ?? null };
      await context.print(line, () => render(peer ?? null, context));
    });
};

/** Null for a session without a peer, undefined where no broker could be asked. */
async function whoAmI(context: Context): Promise<Peer | undefined> {
  const input = await readInput(context);
  if (!input) return null;
  const client = new BrokerClient(context.location);
  try {
    const conversation = { client: 'claude', id: input.session_id } as const;
    return (await client.call('peerOfConversation', { conversation }, { timeoutMs: ANSWER_TIMEOUT_MS })).peer;
  } catch (error) {
    if (error instanceof PeersError) return undefined; // a status line is no place for it: doctor says more
    throw error;
  } finally {
    client.close();
  }
}

async function readInput({ io }: Context): Promise<z.infer<typeof Input> | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > INPUT_MAX_BYTES) return undefined;
  }
  try {
    return Input.safeParse(JSON.parse(Buffer.concat(chunks).toString('utf8'))).data;
  } catch {
    return undefined; // called by hand, or by a client that says nothing of its session
  }
}

function render(peer: Peer, { io }: Context): string {
  // shown by Claude Code, not by a terminal of ours: colours are wanted there unless they are switched off
  const paint = (code: number, text: string) => (io.env['NO_COLOR'] ? text : `\u001b[${code}m${text}\u001b[0m`);
  if (!peer) return paint(2, 'peers: off');
  const mail = peer.unread === 0 ? '' : ` ${paint(33, `✉ ${peer.unread}`)}`;
  return `${paint(1, peer.name)}${mail} ${paint(2, peer.online ? peer.push_route : 'offline')}`;
}
