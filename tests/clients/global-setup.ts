/** Before the first test: the pinned clients are fetched, and the probe server is made runnable by plain Node. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';
import { type ClientBinaries, installClients } from './harness/install.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Executables of the clients. */
    clients: ClientBinaries;
    /** The built probe server. */
    probe: string;
  }
}

const CACHE = fileURLToPath(new URL('../../.cache/clients/', import.meta.url));

export default async function setup(project: TestProject): Promise<void> {
  project.provide('clients', await installClients(CACHE));
  const probe = `${CACHE}probe-server.mjs`;
  await build({
    entryPoints: [fileURLToPath(new URL('probe/server.ts', import.meta.url))],
    outfile: probe,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  project.provide('probe', probe);
}
