/** `agent-peers send`: the human writes to a peer. */
import { Option } from 'commander';
import { Intent, Priority } from '../shared/contract/common.ts';
import type { Request, Response } from '../shared/contract/index.ts';
import { isPassing, PeersError } from '../shared/errors.ts';
import { newIdempotencyKey } from '../shared/idempotency.ts';
import { MESSAGE_MAX_BYTES } from '../shared/limits.ts';
import { cleanLine } from '../shared/text.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';

/** A broker that ends does so within this time. */
const TRY_FOR_MS = 5_000;
const RETRY_MS = 200;

interface SendOptions {
  readonly replyTo?: string;
  readonly intent?: Intent;
  readonly priority?: Priority;
}

export const sendCommand: CommandGroup = (program, context) => {
  program
    .command('send')
    .description('Send a message as yourself; starts a broker when none runs.')
    .argument('<to>', "the peer's name or id; several with commas between them")
    .argument('<message...>', 'the text; - reads it from standard input')
    .option('--reply-to <message-id>', 'the message that this one answers')
    .addOption(new Option('--intent <intent>', 'what you expect of the recipient').choices(Intent.options))
    .addOption(new Option('--priority <priority>', 'how urgent it is').choices(Priority.options))
    .addHelpText(
      'after',
      examples(
        ['agent-peers send brave-falcon please rebase onto main', 'quotes are needed only for what the shell takes'],
        ['git diff | agent-peers send brave-falcon -', 'the text comes from standard input'],
        ['agent-peers send brave-falcon --reply-to <message-id> yes', 'the id stands in your inbox'],
        ['agent-peers send --priority critical brave-falcon "stop, wrong branch"', 'presented before all others'],
        ['agent-peers send brave-falcon -- --force is fine', 'text that begins with a dash'],
      ),
    )
    .action(async (to: string, words: string[], options: SendOptions) => {
      const message = words.length === 1 && words[0] === '-' ? await readText(context) : words.join(' ');
      const receipt = await send(context, {
        to: to.split(','),
        message,
        reply_to: options.replyTo,
        intent: options.intent,
        priority: options.priority,
        idempotency_key: newIdempotencyKey(),
      });
      await context.print(receipt, () => render(receipt, context));
    });
};

/** Sends, and again if the broker ended under way: the key in the request makes all tries one message. */
async function send(context: Context, request: Request<'sendMessage'>): Promise<Response<'sendMessage'>> {
  const { now, sleep } = context.io;
  const end = now() + TRY_FOR_MS;
  for (;;) {
    try {
      return await context.withBroker((client) => client.call('sendMessage', request), { start: true });
    } catch (error) {
      if (!isPassing(error) || now() >= end) throw error;
    }
    await sleep(RETRY_MS);
  }
}

function render({ message_id, receipts }: Response<'sendMessage'>, { colors }: Context): string {
  const { green, yellow, red, dim } = colors;
  const paint = { confirmed: green, pushed: green, waiting: green, offline: yellow, refused: red };
  const lines = receipts.map(({ outcome, detail }) => `${paint[outcome]('●')} ${cleanLine(detail)}`);
  return `${lines.join('\n')}\n  ${dim(`message ${message_id}`)}`;
}

/** Standard input as text, without the line break that ends it. Stops reading where no message can be longer. */
async function readText({ io }: Context): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of io.stdin) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MESSAGE_MAX_BYTES + 1) {
      throw new PeersError(
        'message_too_large',
        `Standard input holds more than ${MESSAGE_MAX_BYTES / 1024} KB, the most that one message takes.`,
        'Write it to a file in the project and send its path, or send it in parts.',
      );
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)).replace(/\r?\n$/, '');
  } catch (error) {
    throw new PeersError(
      'invalid_request',
      'Standard input is not UTF-8 text.',
      'Convert it first, or send the path of the file instead.',
      { cause: error },
    );
  }
}
