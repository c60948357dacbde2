/** Shamir's secret sharing over GF(2^8) by shamir-secret-sharing, which was audited and has no code of its own beneath it. */
import { combine, split } from 'shamir-secret-sharing';
import { JoineryError } from '../core/errors.ts';
import type { SecretSharing } from '../core/key-ports.ts';

export const secretSharing: SecretSharing = {
  split: (secret, { shares, threshold }) => split(secret, shares, threshold),
  async combine(shares) {
    try {
      return await combine([...shares]);
    } catch (cause) {
      // The library refuses two shares of one point and shares of several lengths.
      throw new JoineryError('ERR_SHARE_MISMATCH', 'shares: expected different shares of one secret, found others', { cause });
    }
  },
};
