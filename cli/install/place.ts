/** Where this command's user has the configuration of clients and shells. */
import { homedir } from 'node:os';
import type { Io } from '../io.ts';
import type { Place } from './file-edit.ts';

export function placeOf({ env, platform }: Pick<Io, 'env' | 'platform'>): Place {
  return { env, home: env['HOME'] || homedir(), platform };
}
