'use strict';
// Loads every command and runs a few, then writes V8's compiled form of every chunk: run by the very runtime that the executable is made of.
const { generateKeyPairSync } = require('node:crypto');
const { readFileSync, writeFileSync } = require('node:fs');
const { writeCaches } = require('./caches.cjs');
const { createLoader } = require('./loader.cjs');

const [place, home] = process.argv.slice(2);
const file = (name) => readFileSync(`${place}/${name}`);
const json = (name) => JSON.parse(file(name).toString());
const sea = {
  isSea: () => true,
  getAsset: (name, encoding) => (encoding === undefined ? Uint8Array.from(file(name)).buffer : file(name).toString()),
  getAssetKeys: () => [],
};
const index = json('index.json');
const scripts = new Map();
const load = createLoader(
  index.chunks,
  file('code'),
  undefined,
  (id) => (id === 'node:sea' ? sea : require(id)),
  (name, script) => scripts.set(name, script),
);
const program = {
  root: '/joinery',
  version: index.version,
  pjson: () => json('package.json'),
  manifest: () => json('oclif.manifest.json'),
};

async function warm() {
  process.chdir(home);
  writeFileSync('ci.pem', generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const { main } = load('main.js');
  for (const argv of json('warm.json')) {
    await main(argv, program);
    if (process.exitCode) throw new Error(`joinery ${argv.join(' ')}: expected success, found exit status ${process.exitCode}`);
  }
  for (const name of Object.keys(index.chunks)) void load(name).then;
}

void warm().then(() => writeCaches(place, index, (name) => scripts.get(name).createCachedData()));
