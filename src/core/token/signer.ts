/** What signs join tokens, and the keys that verify them: every key is fixed to one algorithm (RFC 8725 section 3.1). */
import { joseAlgorithmOf, type JoseAlgorithm, jwkThumbprint, type PublicJwk, publicJwk } from '../jwk.ts';
import type { KeyType, SigningKey } from '../key-ports.ts';
import type { HmacKey } from './hmac-key.ts';

export type TokenAlgorithm = JoseAlgorithm | 'HS256';

/** The type of key for each algorithm that the realm can hold a key of. */
export const KEY_TYPE_OF_ALGORITHM: Readonly<Record<JoseAlgorithm, KeyType>> = { ES256: 'p256', ES384: 'p384', EdDSA: 'ed25519' };

export interface TokenSigner {
  readonly algorithm: TokenAlgorithm;
  /** RFC 7638 thumbprint; an HMAC key has none. */
  readonly kid?: string;
  /** JOSE's signature (RFC 7518 section 3.4: r and s in fixed length) or MAC. */
  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** @throws ERR_KEY_MALFORMED for an RSA key. */
export function signerOf(key: SigningKey): TokenSigner {
  const jwk = publicJwk(key.spki, 'token signing key');
  return { algorithm: joseAlgorithmOf(jwk), kid: jwkThumbprint(jwk), sign: (data) => key.sign(data, 'ieee-p1363') };
}

export type VerificationKey =
  | { readonly algorithm: JoseAlgorithm; /** Absent: tried for every kid. */ readonly kid?: string; readonly jwk: PublicJwk }
  | { readonly algorithm: 'HS256'; readonly kid?: string; readonly secret: HmacKey };

export function verificationKeyOf(jwk: PublicJwk, kid: string = jwkThumbprint(jwk)): VerificationKey {
  return { algorithm: joseAlgorithmOf(jwk), kid, jwk };
}
