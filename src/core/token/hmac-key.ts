/** Shared secrets for HMAC tokens: bytes that never print, and the forms of file that they arrive in. */
import { isJsonObject, parseStrictJson } from '../canonical-json.ts';
import { fromBase64Url, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';

/** RFC 7518 section 3.2: a key of the size of the hash output or larger. */
export const MIN_HMAC_KEY_BYTES = 32;

export class HmacKey {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves. Each caller is a place to look at in a review. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  get length(): number {
    return this.#bytes.length;
  }

  toJSON(): string {
    return '[redacted]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]';
  }
}

/**
 * Reads an HMAC key file: a JWK `{"kty":"oct","k":...}`, or else the text itself, as UTF-8 bytes, without one final newline.
 * @param what names the file or variable.
 * @throws ERR_TOKEN_HMAC_KEY for fewer than `minimum` bytes, and for public or private key material: a public key used as an HMAC
 * secret is the algorithm confusion of RFC 8725 section 2.1.
 */
export function parseHmacKey(text: string, what: string, minimum = MIN_HMAC_KEY_BYTES): HmacKey {
  const line = text.replace(/\r?\n$/, '');
  if (/-----BEGIN|^ssh-|^M(?:FkwEwYHKoZI|HYwEAYHKoZI|CowBQYDK2V|I[IG])/.test(line)) {
    throw new JoineryError('ERR_TOKEN_HMAC_KEY', `${what}: expected a shared secret, found a public or private key`, {
      hint: 'use --public-key or --jwks for a public key',
    });
  }
  const bytes = line.trimStart().startsWith('{') ? octetsOfJwk(line, what) : utf8(line);
  if (bytes.length < minimum) {
    throw new JoineryError('ERR_TOKEN_HMAC_KEY', `${what}: expected a key of at least ${minimum} bytes, found ${bytes.length}`, {
      hint: 'make one with: openssl rand -base64 48',
    });
  }
  return new HmacKey(bytes);
}

function octetsOfJwk(text: string, what: string): Uint8Array {
  const jwk = readJwk(text, what);
  if (!isJsonObject(jwk) || jwk['kty'] !== 'oct' || typeof jwk['k'] !== 'string') {
    throw new JoineryError('ERR_TOKEN_HMAC_KEY', `${what}: expected a JWK of kty oct with k, found another document`);
  }
  return fromBase64Url(jwk['k'], `${what}: k`);
}

/** A secret that merely starts with a brace is not a reason to fail with a JSON error that leads astray. */
function readJwk(text: string, what: string) {
  try {
    return parseStrictJson(text, what);
  } catch {
    // The parser's error may quote nothing of a secret either.
    throw new JoineryError('ERR_TOKEN_HMAC_KEY', `${what}: expected a JWK or plain text that does not start with a brace, found neither`);
  }
}
