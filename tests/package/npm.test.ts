/** What `npm install -g agent-peers-mcp` gives: it works under every Node that is supported, in an empty home, offline. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { ROOT } from '../helpers/sandbox.ts';
import { Place } from './place.ts';

const PACKED_MAX_BYTES = 500_000;

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const { size, files } = inject('packed');
const tarball = inject('tarball');
const nodes = inject('nodes');
const npm = inject('npms')['11'];

it('is as small as README says, and has what is needed and nothing else', () => {
  expect(size).toBeLessThan(PACKED_MAX_BYTES);
  const tops = new Set(files.map(({ path }) => path.split('/')[0]));
  expect([...tops].sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'plugin']);
});

// at once: most of the time goes into compiling one file, by one process each
describe.concurrent('installed with its scripts, it works in an empty home without a network', () => {
  it.for([
    [nodes['20'], 'better-sqlite3'],
    [nodes['22'], 'node:sqlite'],
    [nodes['24'], 'node:sqlite'],
  ] as const)('under Node $0.version, with $1', async ([node, driver], test) => {
    const place = await Place.make(test, { node, npm });
    await place.npmInstallGlobal(tarball);
    expect((await place.agentPeers('--version')).trim()).toBe(version);
    await place.works(driver);
  });
});
