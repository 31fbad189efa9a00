/** What depends on the driver, for a Node that has node:sqlite; `npm run test:package` runs it under several. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'node:sqlite',
    include: [
      'tests/node-sqlite/**/*.test.ts',
      'tests/native-modules.test.ts',
      'tests/broker/{database,database-gone,full-disk,migrate}.test.ts',
    ],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
