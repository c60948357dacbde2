'use strict';
// Reads the compiled forms that warm.cjs wrote and writes them again, in a process where nothing else happened: what is left in them of the order
// in which the functions first ran (V8 numbers scripts and functions as they come) is gone then, and two builds give the same bytes.
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');
const { writeCaches } = require('./caches.cjs');

const [place] = process.argv.slice(2);
const index = JSON.parse(readFileSync(`${place}/index.json`, 'utf8'));
const code = readFileSync(`${place}/code`);
const caches = readFileSync(`${place}/caches`);

writeCaches(place, index, (name) => {
  const [start, end, wide, cacheStart, cacheEnd] = index.chunks[name];
  const source = code.toString(wide ? 'utf16le' : 'latin1', start, end);
  const script = new Script(source, { filename: `joinery:/${name}`, cachedData: caches.subarray(cacheStart, cacheEnd) });
  if (script.cachedDataRejected) throw new Error(`expected V8 to take the compiled form of ${name}, found it rejected`);
  return script.createCachedData();
});
