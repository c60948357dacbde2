import { createHmac } from 'node:crypto';
import type { HmacKey } from '../core/token/hmac-key.ts';
import type { TokenSigner } from '../core/token/signer.ts';

/** Signs join tokens with a shared secret (HS256, RFC 7518 section 3.2). */
export function hmacSigner(key: HmacKey): TokenSigner {
  return { algorithm: 'HS256', sign: (data) => new Uint8Array(createHmac('sha256', key.reveal()).update(data).digest()) };
}

/** HMAC-SHA256 (RFC 2104) under a key that is derived, not kept. */
export function hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(data).digest());
}
