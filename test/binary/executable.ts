/** Where `npm run build:binary` puts what ships, and how the tests of it run it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

export const VERSION = version;
export const directory = `${root}dist/binary`;
export const name = `joinery-${version}-${process.platform}-${process.arch}`;
export const executable = `${directory}/${name}`;
