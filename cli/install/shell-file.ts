/** The command `agentpeers` in the user's shell start file: Claude Code with agent-peers switched on. */
import { basename, join } from 'node:path';
import { PeersError } from '../../shared/errors.ts';
import type { FileEdit, Place } from './file-edit.ts';

export const SHELLS = ['zsh', 'bash', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export interface AliasChoices {
  readonly skipPermissions: boolean;
  /** Messages reach Claude Code as channel events instead of through its inbox socket. */
  readonly channel: boolean;
}

const CHANNEL_FLAG = '--dangerously-load-development-channels server:agent-peers';

const BEGIN = '# >>> agent-peers >>>';
const END = '# <<< agent-peers <<<';
const NOTE = '# written by `agent-peers install`, removed by `agent-peers uninstall`';

/** The shell that the user's terminals start, if it is one of those known here. */
export function loginShell({ env }: Place): Shell | undefined {
  const name = basename(env['SHELL'] ?? '');
  return SHELLS.find((shell) => shell === name);
}

function shellPath(shell: Shell, { env, home }: Place): string {
  switch (shell) {
    case 'zsh':
      return join(env['ZDOTDIR'] || home, '.zshrc');
    case 'bash':
      return join(home, '.bashrc');
    case 'fish':
      return join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'fish', 'conf.d', 'agent-peers.fish');
  }
}

export function shellEdit(shell: Shell, place: Place, choices: AliasChoices): FileEdit {
  const path = shellPath(shell, place);
  return {
    path,
    encoding: 'latin1',
    purpose: `the command agentpeers in ${shell}`,
    install: (text) => {
      const found = ownBlock(text, path);
      // these shells take no other line end, whatever the rest of the file has
      const block = [BEGIN, NOTE, definition(shell, choices), END].join('\n');
      if (found) return text.slice(0, found.start) + block + text.slice(found.end);
      if (text === '') return `${block}\n`;
      // a line that goes on in the next one would take the first line of the block with it
      const gap = text.endsWith('\n') ? '\n' : '\n\n';
      return `${text}${gap}${/\\\n?$/.test(text) ? '\n' : ''}${block}\n`;
    },
    uninstall: (text) => {
      const found = ownBlock(text, path);
      if (!found) return text;
      const before = text.slice(0, found.start).replace(/\n\n$/, '\n');
      return before + text.slice(found.end).replace(/^\n/, '');
    },
  };
}

function definition(shell: Shell, { skipPermissions, channel }: AliasChoices): string {
  const words = [
    'claude',
    ...(skipPermissions ? ['--dangerously-skip-permissions'] : []),
    ...(channel ? [CHANNEL_FLAG] : []),
  ];
  const command = words.join(' ');
  if (shell === 'fish') {
    return `function agentpeers --wraps claude --description 'Claude Code with agent-peers'\n    env AGENT_PEERS_ENABLED=1 ${command} $argv\nend`;
  }
  // an alias, since one of the same name, defined further up, would be put in place of a function's name
  return `alias agentpeers='AGENT_PEERS_ENABLED=1 ${command}'`;
}

function ownBlock(text: string, path: string): { start: number; end: number } | undefined {
  const start = text.indexOf(BEGIN);
  if (start < 0) return undefined;
  const end = text.indexOf(END, start);
  if (end < 0) {
    throw new PeersError(
      'config_conflict',
      `${path} was left as it is: the line "${END}" is missing behind "${BEGIN}".`,
      'Delete what is left of the block, then run the same command again.',
    );
  }
  return { start, end: end + END.length };
}
