/**
 * Ends the broker when its secret is no longer the user's: nobody could prove anything to it or believe it any more, so
 * it would only hold the port. The next session starts a broker with the secret that is there then.
 */
import { readRegularFileSync } from '../shared/read-file.ts';
import { SECRET_FILE_MAX_BYTES, secretPath } from '../shared/secret.ts';
import type { Deps } from './deps.ts';

const LOOK_MS = 10_000;

/** Whether it was deleted or replaced; false too where the system does not tell, which is no reason to end. */
export function isSecretGone(home: string, secret: Buffer): boolean {
  try {
    const text = readRegularFileSync(secretPath(home), SECRET_FILE_MAX_BYTES).toString('utf8').trim();
    return text !== secret.toString('hex');
  } catch (error) {
    return ['ENOENT', 'ENOTDIR', 'EFTYPE', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Looks until the broker stops. */
export function watchSecret({ config, secret, stop, stopping }: Deps): void {
  const timer = setInterval(() => {
    if (isSecretGone(config.home, secret)) stop(`${secretPath(config.home)} was deleted or replaced`);
  }, LOOK_MS);
  timer.unref();
  stopping.addEventListener('abort', () => clearInterval(timer), { once: true });
}
