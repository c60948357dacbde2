// The program as the chunks that also ship for Node.js, and the store's worker as one file; tells which packages are in them.
import { rolldown } from 'rolldown';
import { BUNDLE_OUTPUT, bundleInput, byText, packagesOf } from '../bundle.js';

// Here a chunk is no file to look for, and runs when it is first used: the smaller they are, the less is read. So each file of a package is one,
// and what joinery shares lies apart; but the part of oclif that every command runs is one chunk, and what reads the configuration another.
const SPLITTING = {
  includeDependenciesRecursively: false,
  groups: [
    {
      name: 'framework',
      test: /@oclif[\\/]core[\\/](package|lib[\\/](command|flags|args|cache|logger|errors|parser|util[\\/](aggregate-flags|util))\b.*)\.js/,
    },
    { name: 'configuration', test: /node_modules[\\/](cosmiconfig|env-paths|yaml)[\\/]/ },
    {
      test: /node_modules/,
      debugName: 'packages',
      name: (id) => id.slice(id.lastIndexOf('/node_modules/') + 14).replaceAll(/[^A-Za-z0-9.]+/g, '-'),
    },
  ],
};

/**
 * @param {string} dist what tsc made
 * @returns {Promise<{chunks: {name: string, code: string}[], worker: string, packages: string[]}>} packages: their directories, sorted
 */
export async function bundleProgram(dist) {
  const program = await build(
    { main: `${dist}/main.js` },
    {
      ...BUNDLE_OUTPUT,
      codeSplitting: SPLITTING,
      entryFileNames: '[name].js',
      chunkFileNames: '[name].js',
    },
  );
  const worker = await build(`${dist}/adapters/sqlite-worker.js`, { ...BUNDLE_OUTPUT, codeSplitting: false });
  const chunks = program.map(({ fileName, code }) => ({ name: fileName, code })).toSorted((a, b) => byText(a.name, b.name));
  return { chunks, worker: worker[0].code, packages: packagesOf([...program, ...worker]) };
}

/** One script without imports: the executable's main script. */
export async function bundleScript(file) {
  const [chunk] = await build(file, { ...BUNDLE_OUTPUT, codeSplitting: false });
  return chunk.code;
}

async function build(input, output) {
  const bundle = await rolldown({ ...bundleInput(input), preserveEntrySignatures: 'allow-extension' });
  try {
    return (await bundle.generate(output)).output;
  } finally {
    await bundle.close();
  }
}
