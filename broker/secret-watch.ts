/**
 * Ends the broker when its secret is no longer the user's: nobody could prove anything to it or believe it any more, so
 * it would only hold the port. The next session starts a broker with the secret that is there then.
 */
import { readRegularFileSync } from '../shared/read-file.ts';
import { SECRET_FILE_MAX_BYTES, secretPath } from '../shared/secret.ts';
import type { Deps } from './deps.ts';

const LOOK_MS = 10_000;

/** What the file says now; undefined where the system does not tell, which is no reason to end. */
function holdsOther(path: string, secret: Buffer): boolean | undefined {
  try {
    return readRegularFileSync(path, SECRET_FILE_MAX_BYTES).toString('utf8').trim() !== secret.toString('hex');
  } catch (error) {
    return ['ENOENT', 'ENOTDIR', 'EFTYPE', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')
      ? true
      : undefined;
  }
}

/** Looks until the broker stops. */
export function watchSecret({ config, secret, stop, stopping }: Deps): void {
  const path = secretPath(config.home);
  const timer = setInterval(() => {
    if (holdsOther(path, secret)) stop(`${path} was deleted or replaced`);
  }, LOOK_MS);
  timer.unref();
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
}
