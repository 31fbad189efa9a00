/** `agent-peers inbox`: what peers wrote to the human. A message counts as read once it was written out. */
import { InvalidArgumentError } from 'commander';
import type { BrokerClient } from '../shared/client.ts';
import type { Response } from '../shared/contract/index.ts';
import { isPassing } from '../shared/errors.ts';
import { forTerminal, forTerminalLine } from '../shared/peer-text.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import type { Io } from './io.ts';
import { ago, clock } from './times.ts';
import { displayWidth, wrap } from './width.ts';

type Inbox = Response<'operatorInbox'>;
type Message = Inbox['messages'][number];

const POLL_MS = 1_000;
const WAIT_MAX_S = 24 * 60 * 60;
const AT_ONCE = 500;
const BAR = '  │ ';

export const inboxCommand: CommandGroup = (program, context) => {
  program
    .command('inbox')
    .description('Print the messages that wait for you, oldest first; they count as read once printed.')
    .option('--peek', 'do not mark them as read')
    .option('--wait <seconds>', 'wait this long for the first one', seconds)
    .addHelpText(
      'after',
      examples(
        ['agent-peers inbox', 'read what is there'],
        ['agent-peers inbox --wait 600', 'return as soon as somebody writes'],
        ['agent-peers inbox --peek --json', 'look without marking anything as read'],
        ['agent-peers send brave-falcon --reply-to <id> "yes, merge it"', 'answer; the id stands with the message'],
      ),
    )
    .action(async (options: { peek?: true; wait?: number }) => {
      await context.withBroker(async (client) => {
        const inbox = await firstMessages(client, context.io, options.wait ?? 0);
        await context.print(inbox, () => render(inbox, options.peek === true, context));
        if (options.peek || inbox.messages.length === 0) return;
        const confirm = inbox.messages.map((message) => message.message_id);
        await client.call('operatorInbox', { confirm, limit: 1 });
      });
    });
};

function seconds(value: string): number {
  const wait = Number(value);
  if (value.trim() === '' || !(wait >= 0 && wait <= WAIT_MAX_S)) {
    throw new InvalidArgumentError(`It is a number of seconds up to ${WAIT_MAX_S}.`);
  }
  return wait;
}

/** What waits now, or the first that comes within the time; sessions may replace the broker meanwhile. */
async function firstMessages(client: BrokerClient, { now, sleep }: Io, waitS: number): Promise<Inbox> {
  const end = now() + waitS * 1000;
  for (;;) {
    const left = end - now();
    try {
      const inbox = await client.call('operatorInbox', { limit: AT_ONCE });
      if (inbox.messages.length > 0 || left <= 0) return inbox;
    } catch (error) {
      if (!isPassing(error) || left <= 0) throw error;
    }
    await sleep(Math.min(POLL_MS, left));
  }
}

function render({ messages, unread }: Inbox, peek: boolean, context: Context): string {
  const { colors } = context;
  const last = messages.at(-1);
  if (!last) return 'No messages.';
  const more = unread - messages.length;
  const notes = [
    // a name may begin with a dash, and would pass for an option
    `Answer: agent-peers send ${last.from.name.startsWith('-') ? last.from.id : last.from.name} --reply-to ${last.message_id} "…"`,
    ...(more > 0 ? [`${more} more ${more === 1 ? 'waits' : 'wait'}: run agent-peers inbox again.`] : []),
    ...(peek ? ['Nothing was marked as read.'] : []),
  ];
  return [...messages.map((message) => block(message, context)), colors.dim(notes.join('\n'))].join('\n\n');
}

/** Every line of the text stands behind a bar, wrapped here: none can pass for the head of another message. */
function block(message: Message, { colors, io, width }: Context): string {
  const now = io.now();
  const marks = [
    ...(message.priority === 'normal' ? [] : [message.priority]),
    ...(message.intent === 'inform' ? [] : [message.intent]),
    ...(message.redelivered ? ['may have been shown before'] : []),
  ];
  const urgent = message.priority === 'critical' || message.priority === 'warning';
  const head = [
    `${colors.bold(message.from.name)} (${message.from.kind})`,
    colors.dim(`${clock(message.sent_at, now)}, ${ago(message.sent_at, now)}`),
    ...(marks.length === 0 ? [] : [(urgent ? colors.red : colors.yellow)(marks.join(', '))]),
  ];
  const answers = message.reply_to === null ? '' : `, answers ${message.reply_to}`;
  const text = forTerminal(message.text).trimEnd();
  const lines = wrap(text, width === undefined ? Number.POSITIVE_INFINITY : Math.max(20, width - displayWidth(BAR)));
  return [
    head.join('  '),
    colors.dim(forTerminalLine(`id ${message.message_id}${answers}`)),
    ...lines.map((line) => `${colors.cyan(BAR)}${line}`),
  ].join('\n');
}
