/** The bundle is the same wherever the packages lie: a release is built in a clone whose node_modules is a link (bin/release.js). */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { afterAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const { bundleInput, BUNDLE_OUTPUT, packagesOf } = (await import(pathToFileURL(`${root}bin/bundle.js`).href)) as {
  bundleInput(input: object): object;
  BUNDLE_OUTPUT: object;
  packagesOf(chunks: readonly object[]): readonly string[];
};
const work = mkdtempSync(join(tmpdir(), 'joinery-bundle-'));
afterAll(() => rmSync(work, { recursive: true }));

const packages = {
  'one/package.json': '{ "name": "one", "main": "index.js" }',
  'one/index.js': 'exports.one = () => console.log(1);',
};
const sources = {
  'dist/main.js': `import { own } from './own.js'; import { one } from 'one'; own(); one(); void import('./lazy.js');`,
  'dist/lazy.js': `import { own } from './own.js'; import { one } from 'one'; export const lazy = [own, one];`,
  'dist/own.js': 'export const own = () => console.log(0);',
  'package.json': '{ "type": "module" }',
};

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

async function bundled(directory: string) {
  const build = await rolldown({ ...bundleInput({ main: join(directory, 'dist/main.js') }), cwd: directory });
  const { output } = await build.generate(BUNDLE_OUTPUT);
  await build.close();
  const code = output.map((chunk) => ('code' in chunk ? [chunk.fileName, chunk.code] : []));
  return { code, packages: packagesOf(output).filter((path) => path.startsWith(directory)) };
}

test('a clone whose node_modules is a link, to before or behind itself, gives the bytes of one that has its own', async () => {
  const own = join(work, 'm');
  write(own, sources);
  write(join(own, 'node_modules'), packages);
  const expected = await bundled(own);
  expect(expected.packages).toEqual([join(own, 'node_modules/one')]);
  for (const place of ['a', 'z']) {
    const clone = join(work, place);
    write(clone, sources);
    symlinkSync(join(own, 'node_modules'), join(clone, 'node_modules'));
    expect(await bundled(clone)).toEqual({ code: expected.code, packages: [join(clone, 'node_modules/one')] });
  }
});
