/** Applies one version after another until it is killed. Arguments: the directory, with `versions/<n>.json` and a digest. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { applyTrust } from '../../src/app/apply-trust.ts';
import { readOffers } from '../../src/app/node-trust.ts';
import { parseDigest } from '../../src/core/digest.ts';

const [directory, digest] = process.argv.slice(2) as [string, string];
const world = { files: systemFiles, clock: systemClock, verifySignature, actor: 'child' };
const names = readdirSync(join(directory, 'versions')).toSorted();
process.stdout.write('ready\n');
for (const name of names) {
  const offers = readOffers(readFileSync(join(directory, 'versions', name)), name);
  await applyTrust(world, {
    purpose: 'control-plane-https',
    path: join(directory, 'ca.pem'),
    statePath: join(directory, 'state.json'),
    offers,
    firstDigest: parseDigest(digest),
  }).catch((error: { code?: string }) => {
    // The versions that an earlier run has walked already.
    if (error.code !== 'ERR_TRUST_ROLLBACK') throw error;
  });
}
