import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/clients/**', 'tests/package/**', 'tests/bun/**', 'node_modules/**'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    // these tests race real processes against real deadlines, and a shared CI machine sometimes stands still
    retry: process.env['CI'] ? 1 : 0,
  },
});
