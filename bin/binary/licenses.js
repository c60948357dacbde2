// The licence texts of everything inside the executable.
import { readdirSync, readFileSync } from 'node:fs';

const RULE = '='.repeat(78);
const LICENSE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** @param {string} directory of a package @returns {string} its licence and notice files, or what its files say of themselves where it has none */
export function licenseTextOf(directory) {
  const names = readdirSync(directory)
    .filter((name) => LICENSE_FILE.test(name))
    .toSorted();
  if (names.length === 0) return headersOf(directory);
  return names.map((name) => readFileSync(`${directory}/${name}`, 'utf8').trim()).join('\n\n');
}

/** The comments with a copyright that files begin with, each once: a minifier drops them. */
function headersOf(directory) {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((name) => /^(?!.*node_modules).*\.js$/.test(name));
  const heads = files.toSorted().map((name) => /^(?:\/\/.*\n)+/m.exec(readFileSync(`${directory}/${name}`, 'utf8'))?.[0] ?? '');
  const texts = heads.filter((head) => /copyright/i.test(head)).map((head) => head.replaceAll(/^\/\/ ?/gm, '').trim());
  return [...new Set(texts)].join('\n\n');
}

/** @param {string} directory of a package, as npm installed it */
export function licensePart(directory) {
  const { name, version, license } = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
  return { title: `${name} ${version}`, license, text: licenseTextOf(directory) };
}

/** @param {string} what contains the parts @param {{title: string, license: string, text: string}[]} parts @returns {string} one document */
export function licensesDocument(what, parts) {
  const head = `joinery is licensed under the Apache License 2.0. Its ${what} contains the following software, under these licences.\n`;
  return (
    head +
    parts
      .map(
        ({ title, license, text }) =>
          `\n${RULE}\n${title} (${license})\n${RULE}\n\n${text || `Licence: ${license}. The package has no licence file.`}\n`,
      )
      .join('')
  );
}
