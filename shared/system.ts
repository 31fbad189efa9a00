/** What programs that this one starts get to know of the environment, and where they are looked for. */
import { delimiter, isAbsolute } from 'node:path';
import type { Env } from './config.ts';

/** For programs of the system: nothing of what the client or the user has in the environment. */
export const SYSTEM_ENV = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' } as const;

/** {@link SYSTEM_ENV} with the user's language, without which ps does not print every path as it is. */
export function systemEnv({ LC_ALL, LC_CTYPE, LANG }: Env): Record<string, string> {
  const language = Object.entries({ LC_ALL, LC_CTYPE, LANG }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  return { PATH: SYSTEM_ENV.PATH, ...Object.fromEntries(language) };
}

/** The folders of PATH. A relative one could hold a program of the very folder that somebody works in: it does not count. */
export function pathFolders({ PATH = '' }: Env): string[] {
  return PATH.split(delimiter).filter(isAbsolute);
}

/** PATH without its relative folders. */
export function absolutePath(env: Env): string {
  return pathFolders(env).join(delimiter);
}
