// Makes the single executable of joinery, with the papers that belong to it, in dist/binary. See docs/decisions/0014.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import './plain-errors.js';
import { bundleProgram, bundleScript } from './binary/bundle.js';
import { stripElf } from './binary/elf.js';
import { licensePart, licensesDocument } from './binary/licenses.js';
import { runtimeFor } from './binary/runtime.js';
import { sbomOf } from './binary/sbom.js';
import { writeProgram } from './binary/program.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const json = (path) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));
const own = `${process.platform}-${process.arch}`;

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [own] },
    fetch: { type: 'boolean', default: false },
    out: { type: 'string', default: `${root}dist/binary` },
  },
});

const lock = json('package-lock.json');
const { version } = json('package.json');
const out = values.out;
const stage = mkdtempSync(join(tmpdir(), 'joinery-binary-'));
try {
  mkdirSync(out, { recursive: true });
  const { packages: directories, ...program } = await bundleProgram(`${root}dist`);
  const packages = directories.map(describe);
  const made = [];
  for (const target of new Set(values.target)) made.push(...(await make(target, program, packages)));
  // Of this build alone: what an earlier one left in the directory is of other sources.
  const sums = made.toSorted();
  writeFileSync(`${out}/SHA256SUMS`, sums.map((name) => `${sha256(readFileSync(`${out}/${name}`))}  ${name}\n`).join(''));
} finally {
  rmSync(stage, { recursive: true, force: true });
}

/** @returns the names of the files that it made */
async function make(target, program, packages) {
  const runtime = runtimeFor(root, lock, target, values.fetch);
  if (`v${runtime.version}` !== process.version) {
    throw new Error(
      `expected to run on Node.js ${runtime.version}, of which the executable is made, found ${process.version}; use npm run build:binary`,
    );
  }
  const name = `joinery-${version}-${target}`;
  const place = `${stage}/${target}`;
  mkdirSync(place);
  const licenses = licensesDocument('executable', [
    {
      title: `Node.js ${runtime.version} and what it is made of`,
      license: 'MIT and others',
      text: readFileSync(`${runtime.directory}/LICENSE`, 'utf8').trim(),
    },
    ...packages.map(({ directory }) => licensePart(directory)),
  ]);
  writeFileSync(`${place}/node`, stripElf(readFileSync(`${runtime.directory}/bin/node`)), { mode: 0o755 });
  const assets = writeProgram({ root, version, place, program, licenses, warm: target === own });
  writeFileSync(`${place}/start.cjs`, await bundleScript(`${root}bin/binary/start.cjs`));
  inject(place, name, assets, target === own);
  const executable = readFileSync(`${place}/${name}`);
  const versions = process.versions;
  const bill = sbomOf({ version, target, sha256: sha256(executable), packages, lock, runtime: { ...runtime, versions } });
  writeFileSync(`${out}/${name}.cdx.json`, bill);
  writeFileSync(`${out}/${name}.licenses.txt`, licenses);
  cpSync(`${place}/${name}`, `${out}/.${name}`);
  // Moved there whole: somebody may be running the old one.
  renameSync(`${out}/.${name}`, `${out}/${name}`);
  return [name, `${name}.cdx.json`, `${name}.licenses.txt`];
}

/** Relative names only: the path of the main script becomes part of the executable. */
function inject(place, name, assets, native) {
  const config = {
    main: 'start.cjs',
    executable: 'node',
    output: name,
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    // Without it Node.js looks for one where NODE_COMPILE_CACHE says, and runs what it finds. It can be made for this machine alone.
    useCodeCache: native,
    // Each would run foreign code in a tool that holds keys: NODE_OPTIONS; a debugger that SIGUSR1 opens; a provider that OPENSSL_CONF names;
    // and argv[0], which Node.js would take for an option of its own where the last one is missing. A short command ends before 16 MiB are full:
    // collecting garbage at 1 MiB would be a tenth of its time.
    execArgvExtension: 'none',
    execArgv: ['--disable-sigusr1', '--openssl-config=/dev/null', '--min-semi-space-size=16', '--'],
    assets,
  };
  writeFileSync(`${place}/sea.json`, JSON.stringify(config));
  // --predictable: the same compiled form in every build.
  execFileSync(process.execPath, ['--predictable', '--build-sea', 'sea.json'], { cwd: place, stdio: 'pipe', env: {} });
}

function describe(directory) {
  const path = directory.slice(directory.indexOf('node_modules/'));
  const { name, version, license } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  if (lock.packages[path]?.version !== version)
    throw new Error(`${path}: expected the version of package-lock.json, found ${version}; run npm ci`);
  return { path, name, version, license, directory };
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
