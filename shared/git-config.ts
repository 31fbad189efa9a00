/** Reads settings of git with `git config`, which knows their syntax and runs nothing. */
import type { Env } from './config.ts';
import { outputOf } from './limited-run.ts';
import { absolutePath } from './system.ts';

export const GIT_LIMITS = { ms: 2_000, bytes: 256 * 1024 } as const;

/** What names the user's own settings. */
const OWN_SETTINGS = /^(?:HOME|XDG_CONFIG_HOME|GIT_CONFIG_\w+)$/;

/** What every call of git gets: no part of the environment that could name a repository or a program. */
export function gitEnv(env: Env): Record<string, string> {
  return { PATH: absolutePath(env), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0' };
}

export type GitSettings = ReadonlyMap<string, readonly string[]>;

/** The user's own settings, without those of any repository: name in lower case → values, the strongest last. */
export function userSettings(names: readonly string[], env: Env): Promise<GitSettings> {
  const own = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      OWN_SETTINGS.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
  // no repository is there, so none is looked for
  return settings([], names, { ...own, ...gitEnv(env), GIT_DIR: '/dev/null' });
}

/** The settings in this file alone: what it includes is not followed. */
export function settingsIn(file: string, names: readonly string[], env: Env): Promise<GitSettings> {
  return settings(['--file', file, '--no-includes'], names, { ...gitEnv(env), GIT_DIR: '/dev/null' });
}

async function settings(source: string[], names: readonly string[], env: Record<string, string>): Promise<GitSettings> {
  const pattern = `^(${names.join('|').replaceAll('.', '\\.')})$`;
  const args = ['config', '-z', ...source, '--get-regexp', pattern];
  const printed = (await outputOf('git', args, { cwd: '/', env, ...GIT_LIMITS })) ?? '';
  const found = new Map<string, string[]>();
  for (const entry of printed.split('\0').slice(0, -1)) {
    const [name = '', ...value] = entry.split('\n');
    // a name without a value means true
    found.set(name, [...(found.get(name) ?? []), value.length === 0 ? 'true' : value.join('\n')]);
  }
  return found;
}
