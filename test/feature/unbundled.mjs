// The program as tsc wrote it, so that a test sees which of its modules a command loads; what ships is bundled from it.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { main } from '../../dist/main.js';

const root = new URL('../../', import.meta.url);
const json = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const pjson = json('package.json');
await main(process.argv.slice(2), {
  root: fileURLToPath(root),
  version: pjson.version,
  pjson: () => pjson,
  manifest: () => json('dist/oclif.manifest.json'),
});
