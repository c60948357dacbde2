#!/usr/bin/env node
// Written for old Node.js too: no top-level await, no syntax younger than 2020. It only finds a runtime that is new enough.

const version = process.versions.node.split('.').map(Number);
const enough = version[0] >= 26 || (version[0] === 24 && version[1] >= 15);

// An import of node:fs reads every export of it, and loads its streams for that: 4 ms that only this file would pay.
let fs;
let path;
let url;
const here = (name) => url.fileURLToPath(new URL(name, import.meta.url));

if (enough) {
  [fs, path, url] = ['node:fs', 'node:path', 'node:url'].map((name) => process.getBuiltinModule(name));
  start();
} else {
  void Promise.all([import('node:fs'), import('node:path'), import('node:url')]).then((modules) => {
    [fs, path, url] = modules;
    startWithOwnRuntime();
  });
}

function start() {
  const { createRequire, enableCompileCache } = process.getBuiltinModule('node:module');
  const cache = ownCacheDirectory();
  if (cache !== undefined) enableCompileCache(cache);
  const json = (name) => JSON.parse(fs.readFileSync(here(name), 'utf8'));
  let joinery;
  try {
    joinery = createRequire(import.meta.url)('../dist/bundle/main.js');
  } catch (error) {
    console.error(
      fs.existsSync(here('../dist/bundle/main.js'))
        ? 'error: expected joinery and its packages to load, found: ' + error.message + '; run: npm ci && npm run build'
        : 'error: expected a built joinery in dist/, found none; run: npm run build',
    );
    process.exitCode = 1;
    return;
  }
  const pjson = json('../package.json');
  const manifest = () => json('../dist/oclif.manifest.json');
  joinery.main(process.argv.slice(2), { root: here('..'), version: pjson.version, pjson: () => pjson, manifest }).then(joinery.leave);
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
    if (!isGuarded(fs.realpathSync(nearest(directory)))) return undefined;
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    const found = fs.lstatSync(directory);
    return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0 ? fs.realpathSync(directory) : undefined;
  } catch {
    return undefined;
  }
}

function nearest(place) {
  return fs.existsSync(place) ? place : nearest(path.dirname(place));
}

/** Whether only this user and root can rename what is in a directory, and the directories on the way to it. */
function isGuarded(place) {
  const { uid, mode } = fs.lstatSync(place);
  const sticky = (mode & 0o1000) !== 0;
  return (uid === 0 || uid === process.getuid()) && ((mode & 0o022) === 0 || sticky) && (place === '/' || isGuarded(path.dirname(place)));
}

function startWithOwnRuntime() {
  const own = ['../node_modules/.bin/node', '../../.bin/node'].map(here).find((place) => fs.existsSync(place));
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
    child = spawn(own, [url.fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
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
