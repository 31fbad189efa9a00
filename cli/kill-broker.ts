/** `agent-peers kill-broker`: ends the broker and waits until its port is free. Nothing in the mailboxes is lost. */
import type { BrokerClient, Hello } from '../shared/client.ts';
import { PeersError } from '../shared/errors.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import type { Io } from './io.ts';

const END_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

export const killBrokerCommand: CommandGroup = (program, context) => {
  program
    .command('kill-broker')
    .description('End the broker; messages stay, and sessions start a new one when they need it.')
    .addHelpText(
      'after',
      examples(
        ['agent-peers kill-broker', 'returns when its port is free; that none runs is no error'],
        ['agent-peers kill-broker && agent-peers status --start', 'restart it'],
      ),
    )
    .action(async () => {
      const ended = await endBroker(context);
      await context.print(ended, () => {
        if (ended.pid === null) return `No broker runs on 127.0.0.1:${context.location.port}.`;
        const successor =
          ended.successor_pid === null ? '' : ` A session has started another one, process ${ended.successor_pid}.`;
        return `The broker, process ${ended.pid}, has ended.${successor}`;
      });
    });
};

interface Ended {
  /** The broker that ended; null where none ran. */
  readonly pid: number | null;
  /** The one that answers on its port by now. */
  readonly successor_pid: number | null;
}

/** @param reason what its log says */
export async function endBroker(context: Context, reason = 'agent-peers kill-broker'): Promise<Ended> {
  try {
    return await context.withBroker(async (client, { pid, draining }) => {
      if (!draining) await client.call('stopBroker', { reason });
      const successor = await successorOf(pid, client, context.io);
      return { pid, successor_pid: successor?.pid ?? null };
    });
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return { pid: null, successor_pid: null };
  }
}

/** Waits until the process no longer answers; returns the broker that does instead, if there is one. */
async function successorOf(pid: number, client: BrokerClient, { now, sleep }: Io): Promise<Hello | undefined> {
  const end = now() + END_TIMEOUT_MS;
  while (now() < end) {
    try {
      const hello = await client.hello();
      if (hello.pid !== pid) return hello;
    } catch (error) {
      if (isUnavailable(error)) return undefined;
      // a broker about to end may drop a connection half way, or be slow; whether it is gone, the next look says
      if (!(error instanceof PeersError) || !['port_in_use', 'broker_unresponsive'].includes(error.code)) throw error;
    }
    await sleep(POLL_MS);
  }
  throw new PeersError(
    'broker_draining',
    `The broker, process ${pid}, was told to end and is still at it.`,
    'It finishes what is under way first; look again with: agent-peers status',
  );
}

function isUnavailable(error: unknown): boolean {
  return error instanceof PeersError && error.code === 'broker_unavailable';
}
