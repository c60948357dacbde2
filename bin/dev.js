// Runs joinery from the sources, without a build: node bin/dev.js ARGS
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core/config';
import { settings } from '@oclif/core/settings';
import { main } from '../src/main.ts';

settings.enableAutoTranspile = false;
const root = fileURLToPath(new URL('..', import.meta.url));
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
const plugin = new Plugin({
  root,
  pjson: { ...pjson, oclif: { ...pjson.oclif, commands: './src/commands' } },
  isRoot: true,
  ignoreManifest: true,
});
await plugin.load();
await main(process.argv.slice(2), { root, pjson, manifest: plugin.manifest });
