// Writes dist/man from the manifest of the build: `npm run build:man`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manPages } from './man-pages.js';
import { day, sourceDate } from './source-date.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const json = (path) => JSON.parse(readFileSync(`${root}${path}`, 'utf8'));

rmSync(`${root}dist/man`, { recursive: true, force: true });
mkdirSync(`${root}dist/man`);
for (const [name, text] of manPages(json('dist/oclif.manifest.json'), json('package.json'), day(sourceDate()))) {
  writeFileSync(`${root}dist/man/${name}`, text);
}
