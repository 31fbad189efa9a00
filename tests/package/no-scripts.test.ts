/** Installs that run no scripts: by npm 12, which blocks them, and with --ignore-scripts, as clients install plugins. */
import { readdirSync } from 'node:fs';
import { describe, expect, inject, it } from 'vitest';
import type { ErrorBody } from '../../shared/errors.ts';
import { Place } from './place.ts';

const tarball = inject('tarball');
const nodes = inject('nodes');
const npms = inject('npms');

/** The binaries that only an install script makes. */
function binaries({ home }: Place): string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.node'));
}

describe.each([nodes['22'], nodes['24']])('under Node $version', (node) => {
  it('npm 12: npm install --global', async (test) => {
    const place = await Place.make(test, { node, npm: npms['12'] });
    await place.npmInstallGlobal(tarball);
    expect(binaries(place)).toEqual([]);
    await place.works('node:sqlite');
  });

  it('npm 12: npx', async (test) => {
    const place = await Place.make(test, {
      node,
      npm: npms['12'],
      command: `npx --yes --package=${tarball} agent-peers`,
    });
    await place.agentPeersOnline('--version');
    expect(binaries(place)).toEqual([]);
    await place.works('node:sqlite');
  });

  it('npm 11 with --ignore-scripts', async (test) => {
    const place = await Place.make(test, { node, npm: npms['11'] });
    await place.npmInstallGlobal('--ignore-scripts', tarball);
    expect(binaries(place)).toEqual([]);
    await place.works('node:sqlite');
  });
});

it('under Node 20, which has no node:sqlite, it says what is missing and what to do', async (test) => {
  const place = await Place.make(test, { node: nodes['20'], npm: npms['11'] });
  await place.npmInstallGlobal('--ignore-scripts', tarball);
  const printed = await place.agentPeers('status --start --json', '|| test $? = 5');
  const { error } = JSON.parse(printed) as { readonly error: ErrorBody };
  expect(error.code).toBe('database_driver_missing');
  expect(error.message).toContain('better-sqlite3 does not load (Could not locate the bindings file)');
  expect(error.hint).toContain('Use Node 22.13 or newer');
});
