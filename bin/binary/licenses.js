// The licence texts of everything inside the executable.
import { readdirSync, readFileSync } from 'node:fs';

const RULE = '='.repeat(78);
const LICENSE_FILE = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/** @param {string} directory of a package @returns {string} its licence and notice files; empty when it has none */
export function licenseTextOf(directory) {
  const names = readdirSync(directory)
    .filter((name) => LICENSE_FILE.test(name))
    .toSorted();
  return names.map((name) => readFileSync(`${directory}/${name}`, 'utf8').trim()).join('\n\n');
}

/** @param {{title: string, license: string, text: string}[]} parts @returns {string} one document */
export function licensesDocument(parts) {
  const head = 'joinery is licensed under the Apache License 2.0. Its executable contains the following software, under these licences.\n';
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
