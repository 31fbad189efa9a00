/** Which peers are near: in the folder, or in the repository, from which the command was called. */
import { realpath } from 'node:fs/promises';
import type { Scope } from '../shared/contract/common.ts';
import { PeersError } from '../shared/errors.ts';
import { type PeerText, rawText } from '../shared/peer-text.ts';
import { findRepository } from '../shared/repository.ts';
import type { Io } from './io.ts';

/** The operator stands nowhere by itself, so the scope is seen from the folder of the command. */
export async function inScope<P extends { cwd: PeerText; repo: PeerText }>(
  peers: readonly P[],
  scope: Scope,
  { cwd, env }: Pick<Io, 'cwd' | 'env'>,
): Promise<P[]> {
  if (scope === 'machine') return [...peers];
  const { folder, here } = await whereWeAre(cwd);
  const repo = scope === 'repo' ? ((await findRepository(here, env))?.commonDir ?? '') : '';
  // outside git there is no repository to share: the folder counts, as it does between peers
  return peers.filter(({ cwd: at, repo: shared }) =>
    repo === '' ? [here, folder].includes(rawText(at)) : rawText(shared) === repo,
  );
}

async function whereWeAre(cwd: Io['cwd']): Promise<{ folder: string; here: string }> {
  try {
    const folder = cwd();
    return { folder, here: await realpath(folder) };
  } catch (error) {
    throw new PeersError(
      'invalid_request',
      'The current folder does not exist any more, so nothing is near it.',
      'Change to another folder, or leave out --scope.',
      { cause: error },
    );
  }
}
