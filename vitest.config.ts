import { defineConfig } from 'vitest/config';

/** node:sqlite came with Node 22.13; where it is missing, npm run test:package runs its tests under a Node that has it. */
const hasNodeSqlite = process.getBuiltinModule('node:sqlite') !== undefined;

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: [
      'tests/clients/**',
      'tests/package/**',
      'tests/bun/**',
      ...(hasNodeSqlite ? [] : ['tests/node-sqlite/**']),
      'node_modules/**',
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    // these tests race real processes against real deadlines, and a shared CI machine sometimes stands still
    retry: process.env['CI'] ? 1 : 0,
  },
});
