/** Before the first test: the package is packed as it is published; the versions of Node and npm are fetched, once. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { ROOT } from '../helpers/sandbox.ts';
import { npmEnv, run } from './programs.ts';

/** One without node:sqlite, the first that has it, and those that are in use. The registry has them, with their headers. */
const NODES = { '20': '20.20.2', '22.13': '22.13.0', '22': '22.23.3', '24': '24.21.0' } as const;
/** The last that runs every install script, and the first that runs none by itself. */
const NPMS = { '11': '11.19.1', '12': '12.2.0' } as const;
const CACHE = join(ROOT, '.cache', 'package');

export interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

export interface Program {
  readonly version: string;
  /** Of Node: as it is laid out everywhere, bin/, include/; of npm: the package. */
  readonly folder: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    packed: Packed;
    /** Path of the packed package. */
    tarball: string;
    nodes: Readonly<Record<keyof typeof NODES, Program>>;
    npms: Readonly<Record<keyof typeof NPMS, Program>>;
  }
}

export default async function setup(project: TestProject): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const [packed] = JSON.parse(await npm('pack', '--ignore-scripts', '--json', '--pack-destination', CACHE)) as Packed[];
  if (!packed) throw new Error('npm packed nothing');
  project.provide('packed', packed);
  project.provide('tarball', join(CACHE, packed.filename));

  const node = (version: string) => fetched(`node-${process.platform}-${process.arch}`, version);
  project.provide('nodes', {
    '20': await node(NODES['20']),
    '22.13': await node(NODES['22.13']),
    '22': await node(NODES['22']),
    '24': await node(NODES['24']),
  });
  project.provide('npms', { '11': await fetched('npm', NPMS['11']), '12': await fetched('npm', NPMS['12']) });
}

async function fetched(name: string, version: string): Promise<Program> {
  const place = join(CACHE, `${name}-${version}`);
  const folder = join(place, 'node_modules', name);
  if (!existsSync(join(folder, 'package.json'))) {
    mkdirSync(place, { recursive: true });
    await npm('install', '--no-save', '--ignore-scripts', '--prefix', place, `${name}@${version}`);
  }
  return { version, folder };
}

function npm(...args: string[]): Promise<string> {
  const cli = process.env['npm_execpath'];
  if (!cli) throw new Error('run by npm: npm run test:package');
  return run(process.execPath, [cli, ...args], ROOT, npmEnv(ROOT, process.env['PATH'] ?? ''));
}
