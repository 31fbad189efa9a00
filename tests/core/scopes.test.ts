/** Which peers stand in a scope. */
import { describe, expect, it } from 'vitest';
import { inScope, type Place } from '../../broker/core/scopes.ts';
import { peerText } from '../../shared/peer-text.ts';

function place(host: string, cwd: string, repo: string): Place {
  return { host: peerText(host), cwd: peerText(cwd), repo: peerText(repo) };
}

const me = place('desk', '/code/app', '/code/app/.git');
const worktree = place('desk', '/code/app-fix', '/code/app/.git');
const elsewhere = place('desk', '/notes', '');
const otherHost = { ...me, host: peerText('lap') };

describe('a scope', () => {
  it.each([
    ['machine', me, worktree, true],
    ['machine', me, elsewhere, true],
    ['machine', me, otherHost, false],
    ['directory', me, { ...me }, true],
    ['directory', me, worktree, false],
    ['directory', me, otherHost, false],
    ['repo', me, worktree, true],
    ['repo', worktree, me, true],
    ['repo', me, elsewhere, false],
    ['repo', me, otherHost, false],
    // outside git: the same directory
    ['repo', elsewhere, { ...elsewhere }, true],
    ['repo', elsewhere, { ...elsewhere, cwd: peerText('/other-notes') }, false],
    ['repo', elsewhere, me, false],
  ] as const)('%s of %o holds %o: %s', (scope, self, other, expected) => {
    expect(inScope(scope, self, other)).toBe(expected);
  });
});
