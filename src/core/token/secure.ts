/** `secure` tokens, as GastroLog's cluster uses them: a secret, and the hash of the CA certificate that the server must chain to. */
import { digestOf, type Fingerprint, isDigest } from '../digest.ts';
import { fromHex, toHex } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { Random } from '../ports.ts';

const SECRET_BYTES = 32;

export interface SecureToken {
  /** Bytes of the secret. */
  readonly secret: Uint8Array;
  /** SHA-256 of the DER of the CA certificate that must anchor the server's certification path. */
  readonly caFingerprint: Fingerprint;
}

/** `hex(secret) ":" hex(sha256(CA certificate DER))`, lower case. */
export function formatSecure({ secret, caFingerprint }: SecureToken): string {
  return `${toHex(secret)}:${caFingerprint}`;
}

export function generateSecure(random: Random, caFingerprint: Fingerprint): SecureToken {
  return { secret: random.bytes(SECRET_BYTES), caFingerprint };
}

/**
 * Splits at the first `:`; both sides are hex, the secret of 16 to 64 bytes, the hash of exactly 32.
 * @throws ERR_TOKEN_MALFORMED
 */
export function parseSecure(text: string): SecureToken {
  const colon = text.indexOf(':');
  const caFingerprint = text.slice(colon + 1);
  if (colon < 0 || !isDigest(caFingerprint)) {
    throw new JoineryError('ERR_TOKEN_MALFORMED', 'secure token: expected hex, a colon and 64 lower-case hex digits, found another form');
  }
  return { secret: secretOf(text.slice(0, colon)), caFingerprint: caFingerprint as string as Fingerprint };
}

function secretOf(hex: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}){16,64}$/.test(hex)) {
    throw new JoineryError(
      'ERR_TOKEN_MALFORMED',
      `secure token: expected a secret of 32 to 128 lower-case hex digits, found ${hex.length} characters`,
    );
  }
  return fromHex(hex);
}

/** The id under which a realm knows a generated secret: its hash, as a secret itself is never kept. */
export function idOfSecret(secret: Uint8Array): string {
  return digestOf(secret);
}
