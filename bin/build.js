// Compiles src to dist, the library; writes the oclif manifest there, from which help and completion are made; bundles the program.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './bundle.js';

const root = fileURLToPath(new URL('..', import.meta.url));
// Made beside dist and moved there when it is whole, so that a joinery that runs meanwhile never sees half a build.
const out = `${root}dist-${process.pid}`;
const load = (path) => import(pathToFileURL(`${out}/${path}`).href);

try {
  execFileSync(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', root, '--outDir', out], { stdio: 'inherit', cwd: root });

  const { Plugin } = await import('@oclif/core/config');
  const pjson = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  pjson.oclif.commands = `./dist-${process.pid}/commands`;
  const plugin = new Plugin({ root, pjson, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true, respectNoCacheDefault: true });
  await plugin.load();
  const { COMMANDS } = await load('command-table.js');
  // The table decides what exists (test/architecture.test.ts keeps it equal to the files), and the order: oclif finds files as the disk gives them.
  const commands = Object.keys(COMMANDS).map((id) => [id, plugin.manifest.commands[id]]);
  for (const [, command] of commands) delete command.relativePath;
  plugin.manifest.commands = Object.fromEntries(commands);
  writeFileSync(`${out}/oclif.manifest.json`, JSON.stringify(plugin.manifest));
  await bundle(out, `${out}/bundle`);

  // What was made of an earlier build stays: a suite with JOINERY_BIN builds first, and then starts it; a release may be signed.
  for (const made of ['binary', 'deb', 'release'])
    if (existsSync(`${root}dist/${made}`)) renameSync(`${root}dist/${made}`, `${out}/${made}`);
  rmSync(`${root}dist`, { recursive: true, force: true });
  renameSync(out, `${root}dist`);
} finally {
  rmSync(out, { recursive: true, force: true });
}
