/** The licences of the packages that travel inside of what is built: whoever copies them passes them on. */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const { licenseTextOf } = (await import(pathToFileURL(`${root}bin/binary/licenses.js`).href)) as {
  licenseTextOf: (directory: string) => string;
};

test('a package without a licence file: what its files say of themselves, each once', () => {
  const text = licenseTextOf(`${root}node_modules/@bufbuild/protobuf`);
  expect(text).toMatch(/^Copyright \d{4}/m);
  expect(text.match(/Copyright 2008 Google Inc\./g)).toHaveLength(1);
  expect(text).toContain('Redistributions in binary form must reproduce');
  expect(text).not.toMatch(/^(import|export|const|\/\/)/m);
});

test('the bundle that npm installs names every package in it with its licence', () => {
  const licenses = readFileSync(`${root}dist/bundle/licenses.txt`, 'utf8');
  const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { dependencies: Record<string, string> };
  const missing = Object.entries(dependencies).filter(([name, version]) => !licenses.includes(`\n${name} ${version} (`));
  // The native one is not inside.
  expect(missing.map(([name]) => name)).toEqual(['@napi-rs/keyring']);
  // The bundler leaves some of itself in what it makes.
  expect(licenses).toContain('\nrolldown ');
  expect(licenses).not.toContain('has no licence file');
  expect(licenses).not.toContain(root);
});
