/** The tests that run the real clients: slower than the others and with a download, so they have a run of their own. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'clients',
    include: ['tests/clients/**/*.test.ts'],
    globalSetup: 'tests/clients/global-setup.ts',
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Each test runs one or two clients of some 300 MB; more at a time only make each other slow.
    maxWorkers: 2,
    // real programs against real deadlines: a shared CI machine sometimes stands still
    retry: process.env['CI'] ? 1 : 0,
  },
});
