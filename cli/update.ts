/** `agent-peers update`: brings this installation to the newest version and lets the old broker end. */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PeersError } from '../shared/errors.ts';
import { cleanText } from '../shared/text.ts';
import { VERSION } from '../shared/version.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import { isTemporary, PACKAGE_NAME } from './install/launch.ts';
import { type Io, write } from './io.ts';
import { endBroker } from './kill-broker.ts';

const STEP_TIMEOUT_MS = 15 * 60_000;

interface Step {
  readonly command: string;
  readonly args: readonly string[];
  /** The folder it runs in; undefined: wherever. */
  readonly cwd?: string;
}

interface Update {
  readonly kind: 'git' | 'npm';
  readonly steps: readonly Step[];
}

export const updateCommand: CommandGroup = (program, context) => {
  program
    .command('update')
    .description('Update agent-peers itself: a git clone by pulling, a global installation by npm.')
    .option('--dry-run', 'show what would be run')
    .addHelpText(
      'after',
      examples(
        ['agent-peers update', 'mail and names stay; sessions pick the new version up when they start'],
        ['agent-peers update --dry-run', 'only say what it would do'],
      ),
    )
    .action(async (options: { dryRun?: true }) => {
      const update = updateFor(context.io);
      const commands = update.steps.map(inWords);
      if (options.dryRun) {
        if (update.kind === 'git') await refuseLocalChanges(update, context.io);
        const plan = [...commands, 'agent-peers kill-broker'];
        const result = { dry_run: true, kind: update.kind, from: VERSION, commands: plan };
        return await context.print(result, () => plan.map((command) => `Would run: ${command}`).join('\n'));
      }
      if (update.kind === 'git') await refuseLocalChanges(update, context.io);
      for (const step of update.steps) await perform(step, context);
      const { pid } = await endBroker(context, 'agent-peers update');
      await context.print({ dry_run: false, kind: update.kind, from: VERSION, commands, ended_broker: pid }, () =>
        [
          'Updated.',
          ...(pid === null
            ? []
            : [
                `The broker, process ${pid}, has ended; the next session starts the new version, which keeps all mail.`,
              ]),
          'Sessions that run keep the old version until they end. See: agent-peers doctor',
        ].join('\n'),
      );
    });
};

/** @throws PeersError `invalid_request` where there is nothing that could be updated */
function updateFor(io: Io): Update {
  if (isTemporary(io)) {
    throw new PeersError(
      'invalid_request',
      'This runs from the cache of npx, which is not an installation.',
      `Install it: npm install --global ${PACKAGE_NAME}@latest`,
    );
  }
  const root = packageRoot(realpathSync(io.brokerEntry));
  // its settings may run programs: this command is itself a program of that clone
  if (existsSync(join(root, '.git'))) {
    return {
      kind: 'git',
      steps: [
        { command: 'git', args: ['pull', '--ff-only'], cwd: root },
        // its prepare script builds
        { command: 'npm', args: ['ci'], cwd: root },
      ],
    };
  }
  return { kind: 'npm', steps: [{ command: 'npm', args: ['install', '--global', `${PACKAGE_NAME}@latest`] }] };
}

function packageRoot(entry: string): string {
  let folder = dirname(entry);
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** @throws PeersError `local_changes`: what somebody works on is not to be mixed with what comes */
async function refuseLocalChanges({ steps }: Update, io: Io): Promise<void> {
  const cwd = steps[0]?.cwd ?? '.';
  const { stdout } = await run({ command: 'git', args: ['status', '--porcelain'], cwd }, io);
  const changed = stdout.split('\n').filter((line) => line !== '');
  if (changed.length === 0) return;
  throw new PeersError(
    'local_changes',
    `${cwd} has local changes (${changed.length} ${changed.length === 1 ? 'file' : 'files'}, such as ${changed[0]?.slice(3)}); nothing was updated.`,
    'Commit or stash them, then run it again.',
  );
}

async function perform(step: Step, context: Context): Promise<void> {
  const { io, json, colors } = context;
  if (!json) await write(io.stdout, `${colors.dim('$')} ${inWords(step)}\n`);
  const { stdout } = await run(step, io);
  const said = cleanText(stdout).trim();
  if (!json && said !== '') await write(io.stdout, `${colors.dim(said)}\n`);
}

async function run({ command, args, cwd }: Step, { env }: Io): Promise<{ stdout: string }> {
  try {
    return await promisify(execFile)(command, args, {
      env: { ...env },
      timeout: STEP_TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
      ...(cwd === undefined ? {} : { cwd }),
    });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    const last = (stderr?.trim() || message).split('\n').at(-1) ?? '';
    throw new PeersError(
      'command_failed',
      `${inWords({ command, args })} did not work: ${last}`,
      'Run it yourself to see all that it says; the version that was here still works.',
      { cause: error },
    );
  }
}

function inWords({ command, args, cwd }: Step): string {
  return `${command} ${args.join(' ')}${cwd === undefined ? '' : `  (in ${cwd})`}`;
}
