/** `agent-peers uninstall`: takes back what `install` added, and with --purge everything that agent-peers keeps. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { PeersError, toPeersError } from '../../shared/errors.ts';
import { type CommandGroup, examples } from '../command.ts';
import type { Context } from '../context.ts';
import { endBroker } from '../kill-broker.ts';
import { type Applied, applyUninstall, backupsOf, removeFolders } from './apply.ts';
import { allEdits } from './choices.ts';
import { claudeCommand } from './claude-command.ts';
import type { FileEdit } from './file-edit.ts';
import { findClient } from './find-clients.ts';
import { InstallLock } from './lock.ts';
import { placeOf } from './place.ts';
import { type Plan, planUninstall, type Step } from './plan.ts';
import { Records } from './record.ts';
import { renderReport, reportOf } from './report.ts';

interface UninstallOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly purge?: true;
}

export const uninstallCommand: CommandGroup = (program, context) => {
  program
    .command('uninstall')
    .description('Take back what install added; a file that nobody changed since is byte for byte as before.')
    .option('--dry-run', 'show what would change in which file, and change nothing')
    .option('--purge', 'also end the broker and delete all messages, names and backups')
    .option('--yes', 'ask nothing')
    .addHelpText(
      'after',
      examples(
        ['agent-peers uninstall', 'messages and names are kept for the next install'],
        ['agent-peers uninstall --purge', 'nothing of agent-peers is left but the package itself'],
        ['npm uninstall --global agent-peers-mcp', 'removes the package, afterwards'],
      ),
    )
    .action((options: UninstallOptions) => uninstall(options, context));
};

async function uninstall(options: UninstallOptions, context: Context): Promise<void> {
  if (options.dryRun) return await carryOut(options, context, undefined);
  if (options.purge) await confirmPurge(options, context);
  const lock = await InstallLock.take(context.location.home, context.io);
  try {
    await carryOut(options, context, lock);
  } finally {
    await lock.release();
  }
}

/** @param lock undefined: nothing shall be changed */
async function carryOut(options: UninstallOptions, context: Context, lock: InstallLock | undefined): Promise<void> {
  const { io, location } = context;
  const place = placeOf(io);
  const records = await Records.read(location.home);
  const edits = [...allEdits(place), ...strangeEdits(records, allEdits(place))];
  const plan = ours(await planUninstall(edits, records), records);
  const backups = options.purge ? (await Promise.all(edits.map(({ path }) => backupsOf(path)))).flat() : [];
  // the secret before the database: a broker that could not be ended would put the database back for its owner
  const doomed = options.purge ? [...backups, location.home, ...databaseFiles(location.db)] : [];
  if (!lock) {
    const report = reportOf(
      plan,
      new Map(),
      doomed.map((path) => `Would delete ${path}`),
    );
    return await context.print({ ...report, dry_run: true }, () => renderReport(report, context));
  }

  const ownWay = claudeCommand(await findClient('claude', place), place, records);
  const folders = records.all.flatMap((file) => file.folders);
  const done = new Map<Step, Applied | PeersError>();
  for (const step of plan.steps) {
    try {
      done.set(step, await applyUninstall(step, records, ownWay));
    } catch (error) {
      done.set(step, toPeersError(error));
    }
  }
  // files that somebody else cleaned up already
  for (const { path } of plan.settled) await records.drop(path);
  await removeFolders(folders);
  const failed = [...plan.refused.map(({ error }) => error), ...done.values()].find((one) => one instanceof PeersError);
  const purged = options.purge && !failed ? await purge(doomed, context, lock) : [];
  const report = reportOf(plan, done, [
    ...(plan.steps.length === 0 ? ['Nothing of agent-peers was found in the configuration of any client.'] : []),
    ...purged.map((path) => `Deleted ${path}`),
    ...(plan.steps.length > 0 ? ['Sessions that run keep their tools until they end.'] : []),
  ]);
  await context.print(report, () => renderReport(report, context));
  if (failed) throw failed;
}

/** Files that were changed when CODEX_HOME and the like said something else than now. */
function strangeEdits(records: Records, known: readonly FileEdit[]): FileEdit[] {
  return records.all
    .filter(({ path }) => !known.some((edit) => edit.path === path))
    .map(({ path, encoding }) => ({
      path,
      encoding,
      purpose: 'changed by an earlier install',
      install: (text) => text,
      uninstall: () => {
        throw new PeersError(
          'config_conflict',
          `${path} was changed since, and is not where this environment has that file.`,
          'Set CODEX_HOME, CLAUDE_CONFIG_DIR, ZDOTDIR or XDG_CONFIG_HOME as at the time of install, then run it again.',
        );
      },
    }));
}

/** Files in which nothing of agent-peers stands are not worth a line each. */
function ours(plan: Plan, records: Records): Plan {
  return {
    ...plan,
    settled: plan.settled.filter(({ path }) => records.get(path)),
    // what never held anything of agent-peers may be as broken as it likes
    refused: plan.refused.filter(({ edit, error }) => records.get(edit.path) || error.code !== 'config_unreadable'),
  };
}

async function confirmPurge({ yes }: UninstallOptions, { io, json, location }: Context): Promise<void> {
  if (yes) return;
  if (io.terminal && !json) {
    const { confirm } = await import('@clack/prompts');
    const message = `Delete all messages, names and backups (${location.db}, ${location.home})? This cannot be taken back.`;
    if ((await confirm({ ...io.terminal, message, initialValue: false })) === true) return;
  }
  throw new PeersError(
    'invalid_request',
    'Deleting all messages and names was not confirmed; nothing was changed.',
    'Say so with: agent-peers uninstall --purge --yes',
  );
}

/** Ends the broker first, or it would write to files that are no longer there. */
async function purge(doomed: readonly string[], context: Context, lock: InstallLock): Promise<string[]> {
  await endBroker(context, 'agent-peers uninstall --purge').catch((error: unknown) => {
    // without its secret nobody can ask it any more, and where something else holds the port there is none to ask
    const known = ['secret_missing', 'secret_unsafe', 'port_in_use', 'broker_unproven'];
    if (!(error instanceof PeersError) || !known.includes(error.code)) throw error;
  });
  const there = doomed.filter((path) => existsSync(path));
  for (const path of there) {
    // the folder itself goes with the lock
    if (path === context.location.home) await lock.emptyHome();
    else await rm(path, { recursive: true, force: true });
  }
  return there;
}

function databaseFiles(db: string): string[] {
  return ['', '-wal', '-shm'].map((suffix) => db + suffix);
}
