/** A node that was offline for 400 versions: one walk, against the bare signature checks that it cannot do without. */
import { systemClock } from '../../src/adapters/clock.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { validSigners } from '../../src/core/trust/envelope.ts';
import { walkTrust } from '../../src/core/trust/walk.ts';
import { make, type Made } from '../core/trust/signing.ts';
import { type Bench, median, milliseconds, percent } from './measure.ts';

const VERSIONS = 400;
const RUNS = 5;

async function history(): Promise<readonly Made[]> {
  const now = systemClock.now();
  const all = [await make({ now })];
  while (all.length < VERSIONS) all.push(await make({ now, replaces: all.at(-1) }));
  return all;
}

function timed(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

export const trust: Bench = {
  title: 'trust (a walk over a chain of versions, against its signature checks alone)',
  async run() {
    const all = await history();
    const [first] = all as readonly [Made];
    const offers = all.map(({ version }) => ({ version, what: 'bench' }));
    const request = { purpose: 'control-plane-https', offers, known: undefined, firstDigest: first.signed.digest } as const;
    const walks: number[] = [];
    const checks: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      walks.push(timed(() => void walkTrust({ ...request, now: systemClock.now(), verify: verifySignature })));
      // Of each step: by the old signers, by the new ones, and the activation, which costs as much.
      const thrice = () =>
        all.forEach(({ signed }) => [1, 2, 3].forEach(() => validSigners(signed.opened, signed.manifest.signers, verifySignature)));
      checks.push(timed(thrice));
    }
    const [walk, check] = [median(walks), median(checks)];
    const hundreds = VERSIONS / 100;
    return [
      { what: `walk over ${VERSIONS} versions`, value: milliseconds(walk), limit: milliseconds(check), ratio: percent(check / walk) },
      { what: 'a hundred versions', value: milliseconds(walk / hundreds), limit: milliseconds(check / hundreds) },
    ];
  },
};
