import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const report = process.env['JOINERY_TEST_REPORT'];

/** Five hundred live nodes beside attackers: about a minute on two cores. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/scale/**/*.test.ts'],
    disableConsoleIntercept: true,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
