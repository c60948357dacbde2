'use strict';
const { writeFileSync } = require('node:fs');

/** Writes V8's compiled form of every chunk into one file, and where each lies into the index. */
exports.writeCaches = function writeCaches(place, index, cacheOf) {
  const caches = [];
  let end = 0;
  for (const [name, range] of Object.entries(index.chunks)) {
    const cache = cacheOf(name);
    range[3] = end;
    range[4] = end += cache.length;
    caches.push(cache);
  }
  writeFileSync(`${place}/caches`, Buffer.concat(caches));
  writeFileSync(`${place}/index.json`, JSON.stringify(index));
};
