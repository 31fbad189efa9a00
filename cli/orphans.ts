/** `agent-peers orphaned-messages` and `agent-peers requeue`: mail whose recipient is gone, and where it goes instead. */
import type { Response } from '../shared/contract/index.ts';
import { PeersError } from '../shared/errors.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import { type Column, table } from './table.ts';
import { ago, timeUntil } from './times.ts';

type Orphans = Response<'orphanedMessages'>;
type Orphan = Orphans['orphans'][number];

const AT_ONCE = 1000;

export const orphanCommands: CommandGroup = (program, context) => {
  program
    .command('orphaned-messages')
    .description('List messages that nobody has read and whose recipient has no session any more.')
    .addHelpText(
      'after',
      examples(
        ['agent-peers orphaned-messages', 'their ids, and how long each can still be delivered'],
        ['agent-peers requeue <message-id> --to calm-otter', 'give one to another peer'],
      ),
    )
    .action(async () => {
      const found = await context.withBroker((client) => client.call('orphanedMessages', { limit: AT_ONCE }));
      await context.print(found, () => render(found, context));
    });

  program
    .command('requeue')
    .description("Move an unread message, or all orphans of one peer, to another peer's mailbox.")
    .argument('[message-id]', 'the message to move')
    .option('--from <peer>', 'move all orphans of this peer')
    .requiredOption('--to <peer>', 'who gets it')
    .addHelpText(
      'after',
      examples(
        ['agent-peers requeue <message-id> --to calm-otter', 'one message'],
        ['agent-peers requeue --from brave-falcon --to calm-otter', 'everything that waits for brave-falcon in vain'],
      ),
    )
    .action(async (messageId: string | undefined, { from, to }: { from?: string; to: string }) => {
      if ((messageId === undefined) === (from === undefined)) {
        throw new PeersError(
          'invalid_request',
          'Say what to move: one message by its id, or all orphans of a peer with --from.',
          'See: agent-peers requeue --help',
        );
      }
      const request = { message_id: messageId, from_peer: from, to };
      const moved = await context.withBroker((client) => client.call('requeueMessages', request));
      await context.print(moved, () =>
        moved.moved === 0
          ? 'Nothing to move.'
          : `Moved ${moved.moved} ${moved.moved === 1 ? 'message' : 'messages'} to ${moved.to.name}.`,
      );
    });
};

function render({ orphans, total }: Orphans, context: Context): string {
  if (orphans.length === 0) return 'No orphaned messages.';
  const now = context.io.now();
  const { dim, yellow } = context.colors;
  const left = ({ deliverable_until }: Orphan) =>
    deliverable_until === null ? undefined : timeUntil(deliverable_until, now);
  const columns: Column<Orphan>[] = [
    { head: 'ID', cell: (orphan) => orphan.message_id },
    { head: 'FROM', cell: (orphan) => orphan.from.name },
    { head: 'TO', cell: (orphan) => orphan.to.name },
    { head: 'SENT', cell: (orphan) => ago(orphan.sent_at, now), spare: 1 },
    { head: 'GONE SINCE', cell: (orphan) => ago(orphan.offline_since, now), spare: 3 },
    {
      head: 'DELIVERABLE',
      cell: (orphan) => left(orphan) ?? 'no more',
      paint: (text, orphan) => (left(orphan) === undefined ? yellow(text) : text),
      spare: 2,
    },
    { head: 'MESSAGE', cell: (orphan) => orphan.preview },
  ];
  const notes = [
    ...(total > orphans.length ? [`${total - orphans.length} more are not shown.`] : []),
    'Move one: agent-peers requeue <message-id> --to <peer>',
  ];
  return `${table(columns, orphans, context)}\n\n${dim(notes.join('\n'))}`;
}
