#!/usr/bin/env node
// Written for old Node.js too: no top-level await, no syntax younger than 2020. It only finds a runtime that is new enough.
import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const version = process.versions.node.split('.').map(Number);
const enough = version[0] >= 26 || (version[0] === 24 && version[1] >= 15);
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

if (enough) start();
else startWithOwnRuntime();

function start() {
  const { createRequire, enableCompileCache } = process.getBuiltinModule('node:module');
  const cache = ownCacheDirectory();
  if (cache !== undefined) enableCompileCache(cache);
  const json = (path) => JSON.parse(readFileSync(here(path), 'utf8'));
  let joinery;
  try {
    joinery = createRequire(import.meta.url)('../dist/bundle/main.js');
  } catch (error) {
    console.error(
      existsSync(here('../dist/bundle/main.js'))
        ? 'error: expected joinery and its packages to load, found: ' + error.message + '; run: npm ci && npm run build'
        : 'error: expected a built joinery in dist/, found none; run: npm run build',
    );
    process.exitCode = 1;
    return;
  }
  const pjson = json('../package.json');
  const manifest = () => json('../dist/oclif.manifest.json');
  joinery.main(process.argv.slice(2), { root: here('..'), version: pjson.version, pjson: () => pjson, manifest });
}

/**
 * Where compiled code is kept between runs. It will run as this user: the directory is this user's own, and no one else can write to it.
 * Without one (no home, a read-only one, another user's under sudo) joinery starts a little slower.
 */
function ownCacheDirectory() {
  const base = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache');
  if (!base || !base.startsWith('/') || process.getuid === undefined) return undefined;
  const directory = base + '/joinery';
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0 ? directory : undefined;
  } catch {
    return undefined;
  }
}

function startWithOwnRuntime() {
  const own = ['../node_modules/.bin/node', '../../.bin/node'].map(here).find((path) => existsSync(path));
  if (own === undefined || process.env.JOINERY_RUNTIME === 'own') {
    console.error(
      'error: expected Node.js 24.15 or newer (not 25), found ' +
        process.version +
        '; install a newer Node.js, or run joinery from a clone after npm ci, which brings its own',
    );
    process.exitCode = 2;
    return;
  }
  void import('node:child_process').then(({ spawnSync }) => {
    const child = spawnSync(own, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
      stdio: 'inherit',
      env: { ...process.env, JOINERY_RUNTIME: 'own' },
    });
    process.exitCode = child.status === null ? 1 : child.status;
  });
}
