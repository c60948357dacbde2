/** A drill over a month with fleets of three sizes: time grows with the fleet, memory by a few dozen bytes a node. */
import { readFileSync } from 'node:fs';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { runDrill } from '../../src/app/run-drill.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { type Bench, milliseconds } from './measure.ts';

const world = { keys: portableKeys, random: systemRandom, verifySignature };
const SIZES = [1000, 10_000, 100_000];

export const drills: Bench = {
  title: 'drills (30 virtual days, certificates of a day, the rules of the program; memory is what the process grew by)',
  async run() {
    const text = readFileSync(new URL('../../templates/drills/compromised-node.yaml', import.meta.url), 'utf8');
    const document = { ...((await parseYaml(text, 'drill')) as JsonObject), duration: '30d' };
    const rows = [];
    for (const nodes of SIZES) {
      const before = process.memoryUsage().rss;
      const start = performance.now();
      await runDrill(world, { document, what: 'drill', seed: 1, nodes });
      const grown = Math.max(0, process.memoryUsage().rss - before);
      rows.push({ what: `${nodes} nodes`, value: milliseconds(performance.now() - start), limit: `${Math.round(grown / 1e6)} MB` });
    }
    return rows;
  },
};
