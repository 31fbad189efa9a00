/** `agent-peers status`: the broker, its database, and who is there. */
import type { Response } from '../shared/contract/index.ts';
import { VERSION } from '../shared/version.ts';
import { type CommandGroup, examples } from './command.ts';
import type { Context } from './context.ts';
import { folder, peerTable } from './peer-table.ts';
import { duration } from './times.ts';

type Status = Response<'brokerStatus'>;

export const statusCommand: CommandGroup = (program, context) => {
  program
    .command('status')
    .description('Show the broker, its database and its peers.')
    .option('--all', 'list peers that are offline too')
    .option('--start', 'start a broker when none answers')
    .addHelpText(
      'after',
      examples(
        ['agent-peers status', 'exit code 5 when no broker runs'],
        ['agent-peers status --start', 'start one first if need be'],
        ['agent-peers status --all --json', 'everything that is known, for programs'],
      ),
    )
    .action(async (options: { all?: true; start?: true }) => {
      const status = await context.withBroker(
        (client) => client.call('brokerStatus', { include_offline: options.all === true }),
        { start: options.start === true },
      );
      await context.print(status, () => render(status, context));
    });
};

function render(status: Status, context: Context): string {
  const { colors, io } = context;
  const { counts, database } = status;
  const differs = status.version === VERSION ? '' : colors.yellow(` (this command is ${VERSION})`);
  const fact = (name: string, value: string) => `  ${colors.dim(name.padEnd(12))}${value}`;
  const file = folder(database.path, io.env['HOME']);
  const lines = [
    `${colors.green('●')} agent-peers broker ${status.version}${differs} is running on 127.0.0.1:${status.port}`,
    fact('process', `${status.pid}, ${status.runtime}, up ${duration(status.uptime_s)}`),
    fact('database', `${file}, ${size(database.bytes)}, schema ${database.schema}, ${database.driver}`),
    fact('peers', `${counts.peers} known, ${plural(counts.sessions, 'live session')}`),
    fact('messages', `${counts.waiting} waiting, ${counts.confirmed} confirmed, ${orphaned(counts.orphaned, context)}`),
    fact(
      'your inbox',
      status.operator_unread === 0 ? 'empty' : colors.bold(`${status.operator_unread} unread: agent-peers inbox`),
    ),
    '',
    status.peers.length === 0 ? colors.dim('Nobody is here.') : peerTable(status.peers, context),
  ];
  return lines.join('\n');
}

function orphaned(count: number, { colors }: Context): string {
  return count === 0 ? '0 orphaned' : colors.yellow(`${count} orphaned: agent-peers orphaned-messages`);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(0)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}
