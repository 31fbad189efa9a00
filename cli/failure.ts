/** How a command that failed says so: in words on standard error, or as the one JSON document on standard output. */
import type { CommanderError } from 'commander';
import { ERROR_KINDS, PeersError, toPeersError } from '../shared/errors.ts';
import { cleanLine } from '../shared/text.ts';
import type { Context } from './context.ts';
import { write } from './io.ts';
import { safeJson } from './json.ts';

/** A command line that commander could not make sense of, in the words of every other error. */
export function usageError(error: CommanderError, args: readonly string[], commands: readonly string[]): PeersError {
  const [named] = args.filter((arg) => !arg.startsWith('-') && arg !== 'help');
  if (error.code === 'commander.help') {
    const message = named === undefined ? 'No command was given.' : `There is no command '${named}'.`;
    return new PeersError('invalid_request', message, 'See: agent-peers --help', { cause: error });
  }
  const [first = '', suggestion] = error.message.split('\n');
  const message = first.replace(/^error: /, '');
  const hints = [
    suggestion?.replace(/^\((.*)\)$/, '$1'),
    error.code === 'commander.unknownOption' ? 'Text that begins with a dash goes after --.' : undefined,
    `See: agent-peers ${named !== undefined && commands.includes(named) ? `${named} ` : ''}--help`,
  ];
  return new PeersError(
    'invalid_request',
    `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`,
    hints.filter((hint) => hint !== undefined).join(' '),
    { cause: error },
  );
}

/** Tells what went wrong and returns the exit code for it. */
export async function tellFailure(thrown: unknown, context: Context): Promise<number> {
  const error = toPeersError(thrown);
  const { io, json, colors, printed } = context;
  const told =
    json && !printed
      ? write(io.stdout, `${safeJson({ error: error.toBody() })}\n`)
      : write(
          io.stderr,
          `${colors.red('error:')} ${cleanLine(error.message)}\n${colors.dim('hint:')} ${cleanLine(error.hint)}\n`,
        );
  // where nobody listens any more, the exit code is all that can still be said
  await told.catch(() => undefined);
  return ERROR_KINDS[error.code].exit;
}
