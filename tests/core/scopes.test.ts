/** Which peers stand in a scope. */
import { describe, expect, it } from 'vitest';
import { inScope } from '../../broker/core/scopes.ts';

const me = { host: 'desk', cwd: '/code/app', repo: '/code/app/.git' };
const worktree = { host: 'desk', cwd: '/code/app-fix', repo: '/code/app/.git' };
const elsewhere = { host: 'desk', cwd: '/notes', repo: '' };
const otherHost = { ...me, host: 'lap' };

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
    ['repo', elsewhere, { ...elsewhere, cwd: '/other-notes' }, false],
    ['repo', elsewhere, me, false],
  ] as const)('%s of %o holds %o: %s', (scope, self, other, expected) => {
    expect(inScope(scope, self, other)).toBe(expected);
  });
});
