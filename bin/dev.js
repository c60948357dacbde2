// Runs joinery from the sources, without a build: node bin/dev.js ARGS
import { fileURLToPath } from 'node:url';
import { main } from '../src/main.ts';
import { packageJson, sourceManifest } from './manifest.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = packageJson();
const manifest = await sourceManifest();
await main(process.argv.slice(2), { root, version: pjson.version, pjson: () => pjson, manifest: () => manifest });
