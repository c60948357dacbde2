// What .ci/run says of a vitest JSON report: `counts REPORT` prints "PASSED FAILED", `failures REPORT` names what failed and why.
// Plain CommonJS for whatever Node.js the machine has.
'use strict';
const { existsSync, readFileSync } = require('node:fs');

const [what, path] = process.argv.slice(2);
if (!existsSync(path)) {
  console.log(`no report at ${path}: it failed before its tests ran to their end`);
  process.exit(1);
}
const report = JSON.parse(readFileSync(path, 'utf8'));
const failedFiles = report.testResults.filter((file) => file.status === 'failed');

/** Of the last run with coverage. */
function coverage() {
  const summary = 'coverage/coverage-summary.json';
  return existsSync(summary) ? JSON.parse(readFileSync(summary, 'utf8')) : {};
}

if (what === 'counts') {
  // A file that could not even be loaded holds no failed test, and is a failure.
  const unloaded = failedFiles.filter((file) => !file.assertionResults.some((test) => test.status === 'failed')).length;
  console.log(report.numPassedTests, report.numFailedTests + unloaded);
} else {
  const indent = (text) => text.split('\n').slice(0, 12).join('\n    ');
  for (const file of failedFiles) {
    console.log(`failed: ${file.name}${file.message ? `\n    ${indent(file.message)}` : ''}`);
    for (const test of file.assertionResults.filter(({ status }) => status === 'failed'))
      console.log(`  failed: ${test.fullName}\n    ${indent(test.failureMessages.join('\n'))}`);
  }
  for (const [file, sums] of Object.entries(coverage()))
    if (/\/src\/(core|app)\//.test(file) && Object.values(sums).some(({ pct }) => pct < 100))
      console.log(`not covered whole: ${file} ${JSON.stringify(sums)}`);
  if (failedFiles.length === 0) console.log('every test passed: lint, types, coverage or an error outside of tests failed (above)');
}
