// Bundles the compiled program: one chunk per lazy import, so that a command reads what it uses and no more (docs/explanation/performance.md).
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { licensePart, licensesDocument } from './binary/licenses.js';

/** Modules that nearly every command needs lie in one chunk: looking for a file costs as much as running a small one. */
const SHARED_BY = 100;

const NAMES = { class: true, function: false };

/** @param input entries and their files, as tsc wrote them */
export const bundleInput = (input) => ({
  input,
  platform: 'node',
  // Native modules are left to Node.js.
  external: ['keytar', /^@napi-rs\/keyring/],
  // A link to node_modules is not followed: the order of chunks is that of paths, which must not depend on where the packages lie.
  resolve: { mainFields: ['module', 'main'], symlinks: false },
  plugins: [lazyFramework],
  // A module may be loaded lazily by one command and at once by another.
  checks: { ineffectiveDynamicImport: false },
  logLevel: 'warn',
});

/** CommonJS starts faster than ECMAScript modules do, and its code cache holds what has run. */
export const BUNDLE_OUTPUT = {
  format: 'cjs',
  strictExecutionOrder: true,
  // Errors of oclif are told apart by the names of their classes (src/cli/failure.ts).
  minify: { compress: { keepNames: NAMES }, mangle: { keepNames: NAMES } },
};

/**
 * @param from the directory that tsc wrote.
 * @param to where the chunks go: `main.js`, the entry of the program, and `sqlite-worker.js`, that of its worker.
 */
export async function bundle(from, to) {
  const build = await rolldown(bundleInput({ main: `${from}/main.js`, 'sqlite-worker': `${from}/adapters/sqlite-worker.js` }));
  const { output } = await build.write({
    ...BUNDLE_OUTPUT,
    dir: to,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    codeSplitting: { groups: [{ name: 'shared', minShareCount: SHARED_BY }] },
  });
  await build.close();
  writeFileSync(`${to}/package.json`, '{ "type": "commonjs" }\n');
  // The tarball of npm carries the packages in here: their licences want to go with them.
  writeFileSync(`${to}/licenses.txt`, licensesDocument('bundle', packagesOf(output).map(licensePart)));
}

export const byText = (a, b) => (a < b ? -1 : 1);

/** A module that rolldown adds: what its chunks are held together by. */
const BUNDLER_RUNTIME = '\0rolldown/runtime.js';
const BUNDLER = fileURLToPath(new URL('../node_modules/rolldown', import.meta.url));

/** @returns the directories of the packages that are in the chunks, sorted */
export function packagesOf(chunks) {
  const found = chunks
    .flatMap(({ moduleIds }) => moduleIds)
    .map((id) => (id === BUNDLER_RUNTIME ? BUNDLER : /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0]));
  return [...new Set(found.filter((path) => path !== undefined))].toSorted(byText);
}

/**
 * oclif requires all of itself at its first line: templates, colours, spawning, terminals. Its files are what tsc makes of CommonJS, so that
 * every `const x_1 = require("x");` can be put off until `x_1` is first used.
 */
const lazyFramework = {
  name: 'lazy-framework',
  transform(code, id) {
    if (!/[\\/]@oclif[\\/]core[\\/]lib[\\/]/.test(id)) return null;
    const loads = [];
    const rest = withoutListener(code, id).replace(/^const (\w+_\d+) = (.*require\("[^"]+"\)\)?);$/gm, (_, name, load) => {
      loads.push([name, load]);
      return '';
    });
    const used = loads.reduce((text, [name]) => text.replace(new RegExp(`\\b${name}\\b`, 'g'), `(${name}$())`), rest);
    const loaders = loads.map(([name, load]) => `var ${name}$loaded;\nfunction ${name}$() { return (${name}$loaded ??= ${load}); }`);
    return [used, ...loaders].join('\n');
  },
};

/** oclif's Command opens stdout when it loads, which costs milliseconds, and makes a crash of every error of it; src/main.ts reports them. */
function withoutListener(code, id) {
  if (!/[\\/]lib[\\/]command\.js$/.test(id)) return code;
  const rest = code.replace(/^process\.stdout\.on\('error', .*\n( .*\n)*\}\);$/m, '');
  if (rest === code) throw new Error(`${id}: expected the listener of stdout, found none`);
  return rest;
}
