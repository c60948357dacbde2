// Compiles src to dist and writes what is generated from the code: the oclif manifest, the JSON Schemas, the reference tables.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
execFileSync(process.execPath, [fileURLToPath(import.meta.resolve('typescript/bin/tsc')), '-p', root], { stdio: 'inherit', cwd: root });

const { Plugin } = await import('@oclif/core/config');
const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
pjson.oclif.commands = './dist/commands';
const plugin = new Plugin({ root, pjson, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true });
await plugin.load();
const { COMMANDS } = await import('../dist/command-table.js');
const ids = Object.keys(plugin.manifest.commands).sort();
if (ids.join() !== Object.keys(COMMANDS).sort().join())
  throw new Error(`src/command-table.ts does not list the commands of src/commands: ${ids}`);
writeFileSync(`${root}dist/oclif.manifest.json`, JSON.stringify(plugin.manifest));

mkdirSync(`${root}docs/schema`, { recursive: true });
const { realmConfigSchema } = await import('../dist/core/realm/config.js');
writeFileSync(`${root}docs/schema/realm-config-1.json`, `${JSON.stringify(realmConfigSchema(), null, 2)}\n`);
