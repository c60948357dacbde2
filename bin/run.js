#!/usr/bin/env node
// Written for old Node.js too: no top-level await, no syntax younger than 2020. It only finds a runtime that is new enough.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const version = process.versions.node.split('.').map(Number);
const enough = version[0] >= 26 || (version[0] === 24 && version[1] >= 15);

if (enough) {
  import('../dist/main.js').then(
    (joinery) => joinery.main(process.argv.slice(2), joinery.builtProgram()),
    (error) => {
      console.error(
        existsSync(fileURLToPath(new URL('../dist/main.js', import.meta.url)))
          ? 'error: expected joinery and its packages to load, found: ' + error.message + '; run: npm ci && npm run build'
          : 'error: expected a built joinery in dist/, found none; run: npm run build',
      );
      process.exitCode = 1;
    },
  );
} else {
  const own = ['../node_modules/.bin/node', '../../.bin/node']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (own === undefined || process.env.JOINERY_RUNTIME === 'own') {
    console.error(
      'error: expected Node.js 24.15 or newer (not 25), found ' +
        process.version +
        '; install a newer Node.js, or run joinery from a clone after npm ci, which brings its own',
    );
    process.exitCode = 2;
  } else {
    const child = spawnSync(own, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
      stdio: 'inherit',
      env: { ...process.env, JOINERY_RUNTIME: 'own' },
    });
    process.exitCode = child.status === null ? 1 : child.status;
  }
}
