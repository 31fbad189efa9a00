/** The command line as a whole: its commands, its help, and the exit code. */
import { Command, CommanderError } from 'commander';
import { VERSION } from '../shared/version.ts';
import { type CommandGroup, examples } from './command.ts';
import { Context } from './context.ts';
import { doctorCommand } from './doctor.ts';
import { tellFailure, usageError } from './failure.ts';
import { inboxCommand } from './inbox.ts';
import { installCommand } from './install/install.ts';
import { uninstallCommand } from './install/uninstall.ts';
import { type Io, OutputClosed, write } from './io.ts';
import { killBrokerCommand } from './kill-broker.ts';
import { orphanCommands } from './orphans.ts';
import { peerCommands } from './peers.ts';
import { sendCommand } from './send.ts';
import { statusCommand } from './status.ts';
import { statuslineCommand } from './statusline.ts';
import { updateCommand } from './update.ts';
import { watchCommand } from './watch.ts';

/** A new group of commands is a file of its own and a line here; help lists them in this order. */
const COMMAND_GROUPS: readonly CommandGroup[] = [
  statusCommand,
  peerCommands,
  sendCommand,
  inboxCommand,
  orphanCommands,
  killBrokerCommand,
  installCommand,
  uninstallCommand,
  doctorCommand,
  updateCommand,
  watchCommand,
  statuslineCommand,
];

/** Runs one command line and returns the exit code: 0, or the one that `ERROR_KINDS` gives the failure. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const context = new Context(io, wantsJson(args));
  try {
    await perform(args, context);
    return 0;
  } catch (thrown) {
    return thrown instanceof OutputClosed ? 0 : await tellFailure(thrown, context);
  }
}

/** Looked up before parsing, so that a command line that cannot be parsed is answered in JSON too. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).includes('--json');
}

async function perform(args: readonly string[], context: Context): Promise<void> {
  const { io, json } = context;
  let help = '';
  const program = buildProgram(context, (text) => {
    help += text;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return await write(io.stdout, help);
    if (!json) await write(io.stderr, help);
    const commands = program.commands.map((command) => command.name());
    throw usageError(thrown, args, commands);
  }
}

function buildProgram(context: Context, writeHelp: (text: string) => void): Command {
  const program = new Command('agent-peers')
    .description('Names, mailboxes and delivery for coding agents that run side by side.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--json', 'print one JSON document instead of text')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: writeHelp,
      writeErr: writeHelp,
      // told in the same words as every other failure, by tellFailure
      outputError: () => {},
      getOutHelpWidth: () => context.width ?? 100,
      getErrHelpWidth: () => context.width ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      `${examples(
        ['agent-peers status', 'is a broker running, and who is there'],
        ['agent-peers send brave-falcon "please look at the tests"', 'as yourself; answers come to your inbox'],
        ['agent-peers inbox', 'what agents wrote to you'],
        ['agent-peers peers --json', 'for programs'],
      )}

Exit codes: 0 done, 1 internal failure, 2 bad usage or input, 3 not found, 4 refused, 5 broker not reachable,
6 try again later.`,
    );
  for (const addTo of COMMAND_GROUPS) addTo(program, context);
  return program;
}
