import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { secretSharing } from '../../src/adapters/shamir.ts';

describe('secretSharing', () => {
  it('gives any secret back from the last shares as from the first, and something else from too few', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 32, maxLength: 128 }),
        fc.integer({ min: 2, max: 12 }),
        fc.nat(12),
        async (secret, threshold, more) => {
          const shares = await secretSharing.split(secret, { shares: threshold + more, threshold });
          expect(shares).toHaveLength(threshold + more);
          expect(await secretSharing.combine(shares.slice(0, threshold))).toEqual(secret);
          expect(await secretSharing.combine(shares.slice(-threshold).toReversed())).toEqual(secret);
          if (threshold > 2) expect(await secretSharing.combine(shares.slice(0, threshold - 1))).not.toEqual(secret);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('refuses one share twice, and shares of two lengths', async () => {
    const [first] = (await secretSharing.split(new Uint8Array(8), { shares: 2, threshold: 2 })) as [Uint8Array];
    const mismatch = expect.objectContaining({ code: 'ERR_SHARE_MISMATCH' }) as Error;
    await expect(secretSharing.combine([first, first])).rejects.toThrow(mismatch);
    await expect(secretSharing.combine([first, new Uint8Array(4)])).rejects.toThrow(mismatch);
  });
});
