import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { NOT_ON_EXECUTABLE, ON_EXECUTABLE } from './fakes/not-on-executable.ts';

/** A file for the JSON report, from which `.ci/run` counts. */
const report = process.env['JOINERY_TEST_REPORT'];

/** An executable that stands for the clone in all suites that start joinery. */
const executable = process.env['JOINERY_BIN'];
if (executable !== undefined) {
  console.log(`joinery is ${executable}; left out:`);
  for (const [path, reason] of Object.entries(NOT_ON_EXECUTABLE)) console.log(`  ${path}: ${reason}`);
}
const outside = ['test/binary/**', 'test/system/**', 'test/boot/**', 'test/scale/**', '**/node_modules/**'];

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: executable === undefined ? ['test/**/*.test.ts'] : ON_EXECUTABLE.map((folder) => `${folder}/**/*.test.ts`),
    exclude: executable === undefined ? outside : [...outside, ...Object.keys(NOT_ON_EXECUTABLE)],
    disableConsoleIntercept: true,
    testTimeout: 240_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    coverage: {
      provider: 'v8',
      reportOnFailure: true,
      include: ['src/**/*.ts'],
      exclude: ['src/types/**', 'src/index.ts', 'src/proto/gen/**'],
      reporter: ['text-summary', 'json-summary', ['text', { skipFull: true }]],
      thresholds: {
        'src/core/**': { lines: 100, branches: 100, functions: 100, statements: 100 },
        'src/app/**': { lines: 100, branches: 100, functions: 100, statements: 100 },
        'src/{adapters,cli,commands,client,server}/**': { lines: 90, branches: 90, functions: 90, statements: 90 },
      },
    },
  },
});
