/** `agent-peers install`: makes the clients on this machine know agent-peers, and shows first what that changes. */
import { Option } from 'commander';
import { PeersError, toPeersError } from '../../shared/errors.ts';
import { type CommandGroup, examples } from '../command.ts';
import type { Context } from '../context.ts';
import type { Io } from '../io.ts';
import { write } from '../io.ts';
import { type Applied, applyInstall } from './apply.ts';
import { ask, type Choices, CLIENTS, chosenByOptions, editsFor, type InstallOptions } from './choices.ts';
import { claudeCommand } from './claude-command.ts';
import { type FoundClient, findClient } from './find-clients.ts';
import { GLOBAL_INSTALL, installGlobally, isTemporary, launches } from './launch.ts';
import { InstallLock } from './lock.ts';
import { notesFor } from './notes.ts';
import { placeOf } from './place.ts';
import { type Plan, planInstall, type Step } from './plan.ts';
import { Records } from './record.ts';
import { renderReport, reportOf } from './report.ts';
import { SHELLS } from './shell-file.ts';

export const installCommand: CommandGroup = (program, context) => {
  program
    .command('install')
    .description(
      'Set up Claude Code, Codex and other clients; every file is backed up, and uninstall takes it all back.',
    )
    .option('--dry-run', 'show what would change in which file, and change nothing')
    .option('--yes', 'ask nothing')
    .addOption(
      new Option(
        '--client <client...>',
        'only these clients; without it, Claude Code and Codex where they are found',
      ).choices(CLIENTS),
    )
    .option('--no-hooks', 'leave the hooks of Claude Code and Codex alone')
    .option('--wake', 'Codex: a message starts a turn of an idle session, which is billed like any other')
    .option('--no-alias', 'do not add the command agentpeers to the shell')
    .addOption(new Option('--shell <shell>', 'the shell that gets it; without it, the login shell').choices(SHELLS))
    .option('--channel', 'agentpeers: get messages as channel events')
    .option('--skip-permissions', 'agentpeers: start Claude Code with --dangerously-skip-permissions')
    .addHelpText(
      'after',
      examples(
        ['agent-peers install', 'look for clients, ask, show, change'],
        ['agent-peers install --dry-run', 'a diff of every file, nothing is changed'],
        ['agent-peers install --yes', 'for scripts'],
        ['agent-peers install --client gemini cursor', 'other MCP clients'],
        ['npx agent-peers-mcp install', 'installs the package globally first'],
      ),
    )
    .action((options: InstallOptions) => install(options, context));
};

async function install(options: InstallOptions, context: Context): Promise<void> {
  const place = placeOf(context.io);
  const looked = await Promise.all((['claude', 'codex'] as const).map((name) => findClient(name, place)));
  const found = looked.filter((client) => client !== undefined);
  const choices = await decide(options, found, context);
  if (!choices) return await context.print({ dry_run: false, files: [], notes: [] }, () => 'Nothing was changed.');
  if (options.dryRun) return await carryOut(options, choices, found, context);
  // before the files are read: what is planned must still be true when it is written
  const lock = await InstallLock.take(context.location.home, context.io);
  try {
    await carryOut(options, choices, found, context);
  } finally {
    await lock.release();
  }
}

async function carryOut(
  options: InstallOptions,
  choices: Choices,
  found: readonly FoundClient[],
  context: Context,
): Promise<void> {
  const { io } = context;
  const place = placeOf(io);
  const claude = found.find(({ name }) => name === 'claude');
  const temporary = isTemporary(io);
  const entries = temporary && options.dryRun !== true ? await settle(options, io) : undefined;
  const records = await Records.read(context.location.home);
  const edits = editsFor(choices, options, launches(io, entries), claude, place);
  const plan = await planInstall(edits);
  const notes = notesFor({ choices, found, plan, temporary, dryRun: options.dryRun === true });
  if (options.dryRun || !(await agreed(plan, options, context))) {
    const report = reportOf(plan, new Map(), options.dryRun ? notes : ['Nothing was changed.']);
    await context.print(report, () => renderReport(report, context));
    return failOn(plan, new Map());
  }

  const ownWay = claudeCommand(claude, place, records);
  const done = new Map<Step, Applied | PeersError>();
  for (const step of plan.steps) {
    try {
      done.set(step, await applyInstall({ ...step, after: step.after ?? '' }, records, io.now(), ownWay));
    } catch (error) {
      done.set(step, toPeersError(error));
    }
  }
  const report = reportOf(plan, done, notes);
  await context.print(report, () => renderReport(report, context));
  failOn(plan, done);
}

/** @throws PeersError `invalid_request` where nobody can be asked and --yes is missing */
async function decide(
  options: InstallOptions,
  found: readonly FoundClient[],
  { io, json }: Context,
): Promise<Choices | undefined> {
  const place = placeOf(io);
  const choices = chosenByOptions(options, found, place);
  if (options.yes || options.dryRun) return choices;
  if (!io.terminal || json) {
    throw new PeersError(
      'invalid_request',
      'There is no terminal on which you could be asked what to change.',
      'Look first with --dry-run, then run it with --yes.',
    );
  }
  return await ask(choices, found, place, io.terminal);
}

/** The last question, with everything in view. */
async function agreed(plan: Plan, { yes }: InstallOptions, context: Context): Promise<boolean> {
  const { io } = context;
  if (yes || plan.steps.length === 0 || !io.terminal) return true;
  const preview = reportOf(plan, new Map(), []);
  await write(io.stdout, `${renderReport(preview, context)}\n`);
  const { confirm } = await import('@clack/prompts');
  return (await confirm({ ...io.terminal, message: 'Make these changes? Every file is backed up first.' })) === true;
}

/** A package that npx fetched for this one run is installed for good before anything refers to it. */
async function settle({ yes }: InstallOptions, io: Io): Promise<string> {
  if (!yes && io.terminal) {
    const { confirm } = await import('@clack/prompts');
    const message = `npx keeps this package only for a while. Install it for good (npm ${GLOBAL_INSTALL.join(' ')})?`;
    if ((await confirm({ ...io.terminal, message })) !== true) {
      throw new PeersError(
        'invalid_request',
        'Clients cannot be told to start what npx may delete at any time; nothing was changed.',
        'Install it globally first: npm install --global agent-peers-mcp',
      );
    }
  }
  return await installGlobally(io);
}

/** The exit code tells of files that were left alone; what about them stands in the report. */
function failOn(plan: Plan, done: ReadonlyMap<Step, Applied | PeersError>): void {
  const failed = [...plan.refused.map(({ error }) => error), ...done.values()].filter(
    (one) => one instanceof PeersError,
  );
  const [first] = failed;
  if (!first) return;
  throw new PeersError(
    first.code,
    failed.length === 1 ? first.message : `${failed.length} files were left as they are; the first: ${first.message}`,
    first.hint,
    { cause: first },
  );
}
