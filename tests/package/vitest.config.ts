/** The tests of what is published: they install it from the registry's point of view, which takes minutes and a network. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'package',
    include: ['tests/package/**/*.test.ts'],
    globalSetup: 'tests/package/global-setup.ts',
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
  },
});
