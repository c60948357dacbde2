// The assets of the executable: joinery's code, V8's compiled form of it, and the files that it reads.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What joinery does often, so that its functions are among the compiled ones: run in an empty directory, in this order. */
const WARM = [
  ['--version'],
  ['--help'],
  ['token', 'mint', '--help'],
  [
    'init',
    '--environment',
    'lab',
    '--domain',
    'lab.example',
    '--cluster',
    'prod',
    '--roles',
    'worker',
    '--insecure-plaintext-keys',
    '--quiet',
  ],
  ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal'],
  ['token', 'mint', '--key-file', 'ci.pem', '--issuer', 'lab.example', '--cluster', 'prod', '--role', 'worker', '--reveal'],
  ['token', 'list'],
  ['audit', 'verify'],
];

/**
 * @param {{root: string, version: string, place: string, program: {chunks: {name: string, code: string}[], worker: string}, licenses: string, warm: boolean}} what warm:
 * the runtime `node` in `place` runs on this machine
 * @returns {Record<string, string>} names of assets and their files, relative to `place`
 */
export function writeProgram({ root, version, place, program, licenses, warm }) {
  writeCode(place, version, program.chunks);
  writeFileSync(`${place}/sqlite-worker.cjs`, program.worker);
  writeFileSync(`${place}/licenses.txt`, licenses);
  writeFileSync(`${place}/caches`, '');
  cpSync(`${root}package.json`, `${place}/package.json`);
  cpSync(`${root}dist/oclif.manifest.json`, `${place}/oclif.manifest.json`);
  cpSync(`${root}templates`, `${place}/templates`, { recursive: true });
  if (warm) warmUp(root, place);
  const files = readdirSync(`${place}/templates`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const templates = files.map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1)).toSorted();
  const names = ['index.json', 'code', 'caches', 'package.json', 'oclif.manifest.json', 'sqlite-worker.cjs', 'licenses.txt', ...templates];
  return Object.fromEntries(names.map((name) => [name, name]));
}

/** All chunks in one file, each as the function that CommonJS makes of it. */
function writeCode(place, version, chunks) {
  const index = {};
  const parts = [];
  let end = 0;
  for (const { name, code } of chunks) {
    const text = `(function(exports,require,module,__filename){${code}\n})`;
    // One byte for a character, where that is possible, is what V8 wants.
    const wide = /[\u0100-\uffff]/.test(text);
    const bytes = Buffer.from(text, wide ? 'utf16le' : 'latin1');
    index[name] = [end, end + bytes.length, wide ? 1 : 0, 0, 0];
    end += bytes.length;
    parts.push(bytes);
  }
  writeFileSync(`${place}/code`, Buffer.concat(parts));
  writeFileSync(`${place}/index.json`, JSON.stringify({ version, chunks: index }));
}

function warmUp(root, place) {
  const home = `${place}/home`;
  mkdirSync(home);
  writeFileSync(`${place}/warm.json`, JSON.stringify(WARM));
  const run = (flags, script, ...rest) =>
    execFileSync(`${place}/node`, [...flags, `${root}bin/binary/${script}`, place, ...rest], { stdio: 'pipe', env: {} });
  // --predictable: the same functions in the same order. Without a collection of garbage nothing is left in the gaps between objects, which are
  // written with them. V8 takes the result without these flags too; settle.cjs sees to it.
  run(['--predictable', '--min-semi-space-size=256', '--max-semi-space-size=512'], 'warm.cjs', home);
  run(['--predictable'], 'settle.cjs');
}
