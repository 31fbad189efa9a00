/** Asking git about a repository, where the file system fails. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { branchByGit } from '../../session/git.ts';
import { findRepository } from '../../shared/repository.ts';
import { Sandbox } from '../helpers/sandbox.ts';

vi.mock('node:fs', { spy: true });

let box: Sandbox;
beforeEach(async () => {
  box = await Sandbox.create();
  vi.stubEnv('TMPDIR', join(box.home, 'tmp'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.mocked(rmSync).mockRestore();
  await box.close();
});

it('a folder for temporary files that cannot be removed ends nothing', async () => {
  execFileSync('git', ['init', '-q', '-b', 'main', box.home], { env: box.env });
  const repository = await findRepository(box.home, box.env);
  if (!repository) throw new Error('no repository');
  vi.mocked(rmSync).mockImplementation(() => {
    throw new Error('EBUSY');
  });
  expect(await branchByGit(repository, box.env)).toBe('main');
});
