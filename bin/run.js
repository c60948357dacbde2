#!/usr/bin/env node
// Written for old Node.js too: no top-level await, no syntax younger than 2020. It only finds a runtime that is new enough.
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
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
 * Where compiled code is kept between runs. It will run as this user: the directory is this user's own, and nobody else can write to it, or put
 * another one in its place. Without one (no home, a read-only one, another user's under sudo) joinery starts a little slower.
 */
function ownCacheDirectory() {
  const base = process.env.XDG_CACHE_HOME || (process.env.HOME && process.env.HOME + '/.cache');
  if (!base || !base.startsWith('/') || process.getuid === undefined) return undefined;
  const directory = base + '/joinery';
  try {
    if (!isGuarded(realpathSync(nearest(directory)))) return undefined;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = lstatSync(directory);
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0 ? realpathSync(directory) : undefined;
  } catch {
    return undefined;
  }
}

function nearest(path) {
  return existsSync(path) ? path : nearest(dirname(path));
}

/** Whether only this user and root can rename what is in a directory, and the directories on the way to it. */
function isGuarded(path) {
  const { uid, mode } = lstatSync(path);
  const sticky = (mode & 0o1000) !== 0;
  return (uid === 0 || uid === process.getuid()) && ((mode & 0o022) === 0 || sticky) && (path === '/' || isGuarded(dirname(path)));
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
  void import('node:child_process').then(({ spawn }) => {
    let child;
    // Before the child starts. It knows what a signal means: a server ends what it has begun. The terminal sends SIGINT to both.
    process.on('SIGINT', () => undefined);
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child = spawn(own, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
      stdio: 'inherit',
      env: { ...process.env, JOINERY_RUNTIME: 'own' },
    });
    child.on('error', (error) => {
      console.error('error: expected ' + own + ' to start, found: ' + error.message);
      process.exitCode = 1;
    });
    child.on('exit', (status, signal) => {
      process.exitCode = status === null ? 1 : status;
      if (signal === null) return;
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  });
}
