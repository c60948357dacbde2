'use strict';
// The main script of the executable.
const { getRawAsset, getAsset } = require('node:sea');
const { createLoader } = require('./loader.cjs');

const bytes = (name) => Buffer.from(getRawAsset(name));
const json = (name) => JSON.parse(getAsset(name, 'utf8'));

const { version, chunks } = json('index.json');
const load = createLoader(chunks, bytes('code'), bytes('caches'), require);
const pjson = () => json('package.json');
const manifest = () => json('oclif.manifest.json');
const { main, leave } = load('main.js');
main(process.argv.slice(2), { root: '/joinery', version, pjson, manifest }).then(leave);
