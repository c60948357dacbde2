// The program as CommonJS chunks, and the store's worker as one file; tells which packages are in them.
import { mkdirSync, writeFileSync } from 'node:fs';
import { rolldown } from 'rolldown';
import { BUNDLE_OUTPUT, bundleInput } from '../bundle.js';

const byText = (a, b) => (a < b ? -1 : 1);

/**
 * @param {string} dist what tsc made @param {string} out directory for the chunks
 * @returns {Promise<{chunks: {name: string, code: string}[], worker: string, packages: string[]}>} packages: their directories, sorted
 */
export async function bundleProgram(dist, out) {
  const program = await build(bundleInput({ main: `${dist}/main.js` }), {
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
  });
  const worker = await build(bundleInput(`${dist}/adapters/sqlite-worker.js`), { codeSplitting: false });
  mkdirSync(out, { recursive: true });
  const chunks = program.map(({ fileName, code }) => ({ name: fileName, code })).toSorted((a, b) => byText(a.name, b.name));
  for (const { name, code } of chunks) writeFileSync(`${out}/${name}`, code);
  return { chunks, worker: worker[0].code, packages: packagesOf([...program, ...worker]) };
}

async function build(input, output) {
  const bundle = await rolldown(input);
  try {
    return (await bundle.generate({ ...BUNDLE_OUTPUT, ...output })).output;
  } finally {
    await bundle.close();
  }
}

function packagesOf(chunks) {
  const found = chunks.flatMap(({ moduleIds }) => moduleIds).map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0]);
  return [...new Set(found.filter((path) => path !== undefined))].toSorted(byText);
}

/** One script without imports: the executable's main script. */
export async function bundleScript(file) {
  const [chunk] = await build(bundleInput(file), { codeSplitting: false });
  return chunk.code;
}
