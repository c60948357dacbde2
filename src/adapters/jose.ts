/** JSON Web Signatures by jose, loaded when the first token is verified. */
import type { JWK, JWSAlgorithm } from 'jose';
import type { VerifyJws } from '../core/ports.ts';

export const verifyJws: VerifyJws = async (compact, key, algorithm) => {
  const { compactVerify } = await import('jose/jws/compact/verify');
  try {
    await compactVerify(compact, key as JWK | Uint8Array, { algorithms: [algorithm as JWSAlgorithm] });
    return true;
  } catch {
    // By contract a signature or key that cannot be used is a signature that does not hold.
    return false;
  }
};
