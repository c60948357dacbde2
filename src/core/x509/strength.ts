/** Which public keys are strong enough. */
import type { PublicKey } from './algorithms.ts';
import { OID } from './oids.ts';
import { isRocaModulus } from './roca.ts';

const CURVES: ReadonlySet<string> = new Set([OID.p256, OID.p384, OID.p521]);
/** RSA keys above this make verification a way to waste time. */
const MAX_RSA_BITS = 16384;

/** NIST's curves by name, the Edwards curves, and RSA from `minRsaBits` on with an odd exponent above 1, of no generator known to be broken. */
export function isStrongKey(key: PublicKey, minRsaBits = 2048): boolean {
  switch (key.kind) {
    case 'rsa':
      return key.bits >= minRsaBits && key.bits <= MAX_RSA_BITS && isGoodExponent(key.exponent) && !isRocaModulus(key.modulus);
    case 'ec':
      return CURVES.has(key.curve);
    case 'other':
      return false;
    default:
      return true;
  }
}

function isGoodExponent(exponent: Uint8Array): boolean {
  const odd = ((exponent.at(-1) as number) & 1) === 1;
  return odd && (exponent.length > 1 || (exponent[0] as number) > 1);
}
