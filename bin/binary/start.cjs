'use strict';
// The main script of the executable.
const { getRawAsset, getAsset } = require('node:sea');
const { createLoader } = require('./loader.cjs');

const bytes = (name) => Buffer.from(getRawAsset(name));
const json = (name) => JSON.parse(getAsset(name, 'utf8'));

const load = createLoader(json('index.json'), bytes('code'), bytes('caches'), require);
const pjson = json('package.json');
const manifest = () => json('oclif.manifest.json');
load('main.cjs').main(process.argv.slice(2), { root: '/joinery', version: pjson.version, pjson: () => pjson, manifest });
