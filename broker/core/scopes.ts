/** Which peers stand in a scope, seen from one of them. */
import type { Scope } from '../../shared/contract/types.ts';
import { isEmpty, type PeerText } from '../../shared/peer-text.ts';

export interface Place {
  readonly host: PeerText;
  readonly cwd: PeerText;
  readonly repo: PeerText;
}

/** Outside git there is no repository to share: `repo` then means the same directory. */
export function inScope(scope: Scope, self: Place, other: Place): boolean {
  if (self.host !== other.host) return false;
  switch (scope) {
    case 'machine':
      return true;
    case 'directory':
      return self.cwd === other.cwd;
    case 'repo':
      return isEmpty(self.repo) ? self.cwd === other.cwd : self.repo === other.repo;
  }
}
