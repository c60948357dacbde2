import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const report = process.env['JOINERY_TEST_REPORT'];

/** The single executable itself: `npm run test:executable` makes it first. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    include: ['test/binary/**/*.test.ts'],
    disableConsoleIntercept: true,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 1,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
});
