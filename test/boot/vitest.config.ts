import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const report = process.env['JOINERY_TEST_REPORT'];

/** The suites that need Debian packages: each fails, and says what is missing, where its package is not installed. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/boot/**/*.test.ts'],
    disableConsoleIntercept: true,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    maxWorkers: 1,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
