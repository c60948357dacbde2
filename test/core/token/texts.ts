/** Texts of tokens, for tests of what reads them without verifying. */
import { generatePrivateKey, signingKey } from '../../../src/adapters/signatures.ts';
import type { TokenClaims } from '../../../src/core/token/claims.ts';
import { signClaims } from '../../../src/core/token/jwt.ts';
import { signerOf } from '../../../src/core/token/signer.ts';

const CLAIMS = {
  iss: 'control.example.internal',
  aud: 'prod',
  jti: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
  iat: 1_795_000_000,
  exp: 1_795_000_900,
  role: 'worker',
};

export function signedJwt(claims: Partial<TokenClaims>): Promise<string> {
  return signClaims(signerOf(signingKey(generatePrivateKey('p256'))), { ...CLAIMS, ...claims } as TokenClaims);
}

/** By shape. */
export const OMNIRELAY = `${Buffer.from('{}').toString('base64')}.${Buffer.alloc(32).toString('base64')}`;
