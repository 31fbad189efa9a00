/** `agent-peers peers` and `agent-peers rename`: who is there, and under which name. */
import { Option } from 'commander';
import { PEER_KINDS, type PeerKind, Scope } from '../shared/contract/common.ts';
import { type CommandGroup, examples } from './command.ts';
import { inScope } from './here.ts';
import { peerTable } from './peer-table.ts';

interface PeersOptions {
  readonly all?: true;
  readonly scope: Scope;
  readonly type?: PeerKind;
  readonly tag?: string;
}

export const peerCommands: CommandGroup = (program, context) => {
  program
    .command('peers')
    .description('List the peers that are there.')
    .option('--all', 'those that are offline too')
    .addOption(
      new Option('--scope <scope>', 'whom to list, seen from the current folder')
        .choices(Scope.options)
        .default('machine' satisfies Scope),
    )
    .addOption(new Option('--type <kind>', 'only peers of this kind').choices(PEER_KINDS))
    .option('--tag <tag>', 'only peers with this tag')
    .addHelpText(
      'after',
      examples(
        ['agent-peers peers', 'everybody on this machine'],
        ['agent-peers peers --scope repo', 'those in this repository, whichever worktree'],
        ['agent-peers peers --all --type codex', 'every Codex peer, offline ones too'],
        ['agent-peers peers --tag review', 'those who tagged themselves "review"'],
      ),
    )
    .action(async (options: PeersOptions) => {
      const listed = await context.withBroker((client) =>
        client.call('listPeers', {
          peer_type: options.type,
          tag: options.tag,
          include_offline: options.all === true,
        }),
      );
      const peers = await inScope(listed.peers, options.scope, context.io);
      await context.print({ peers }, () =>
        peers.length === 0
          ? `Nobody to list.${options.all ? '' : ' Peers that are offline are listed with --all.'}`
          : peerTable(peers, context),
      );
    });

  program
    .command('rename')
    .description('Give a peer another name; its mailbox and its id stay.')
    .argument('<peer>', 'its name or id')
    .argument('<new-name>', '1 to 32 of a-z A-Z 0-9 _ -')
    .addHelpText('after', examples(['agent-peers rename brave-falcon backend', 'from now on it is called "backend"']))
    .action(async (peer: string, newName: string) => {
      const renamed = await context.withBroker((client) => client.call('renamePeer', { peer, new_name: newName }));
      await context.print(renamed, () => `${renamed.old_name} is now called ${renamed.peer.name}.`);
    });
};
