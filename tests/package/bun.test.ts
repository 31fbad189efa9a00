/** What README says for Bun, in a clone: it needs neither a build nor a compiler. */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort, ROOT, RUNTIMES } from '../helpers/sandbox.ts';
import { npmEnv, run, scratch } from './programs.ts';

it('bun install && bun cli.ts status', async (test) => {
  const place = scratch('bun', test);
  const clone = join(place, 'agent-peers');
  const files = (await run('git', ['ls-files', '-z'], ROOT, { PATH: process.env['PATH'] ?? '' })).split('\0');
  for (const file of files.filter(Boolean)) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(ROOT, file), join(clone, file));
  }
  const bin = join(place, 'bin');
  mkdirSync(bin);
  symlinkSync(RUNTIMES.bun.command, join(bin, 'bun'));
  const env = {
    ...npmEnv(place, `${bin}:/usr/bin:/bin`),
    AGENT_PEERS_PORT: String(await freePort()),
  };
  const bun = (...args: string[]) => run('bun', args, clone, env);

  await bun('install');
  await expect(bun('cli.ts', 'status')).rejects.toThrow('hint: Start one with: agent-peers status --start');
  try {
    expect(await bun('cli.ts', 'status', '--start')).toMatch(/agent-peers broker [\d.]+ is running[\s\S]* bun 1\./);
  } finally {
    await bun('cli.ts', 'kill-broker');
  }
});
