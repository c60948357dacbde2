/** JSON Web Key Sets (RFC 7517 section 5) of token signing keys, written and read. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { joseAlgorithmOf, jwkThumbprint, parsePublicJwk, type PublicJwk } from '../jwk.ts';
import type { VerificationKey } from './signer.ts';

const MAX_KEYS = 100;

/** The set that a verifier elsewhere needs: `kid` is the RFC 7638 thumbprint, `alg` the one algorithm of the key. */
export function jwksOf(keys: readonly PublicJwk[]): JsonObject {
  return { keys: keys.map((jwk) => ({ ...jwk, kid: jwkThumbprint(jwk), use: 'sig', alg: joseAlgorithmOf(jwk) })) };
}

/**
 * Reads the public keys of a set that can verify join tokens. Keys of other types or curves, or for another use, are passed over, as
 * RFC 7517 section 5 says.
 * @param what names the file.
 * @throws ERR_JSON_MALFORMED, ERR_KEY_MALFORMED for a private or symmetric key in the set, for a malformed key, and for no usable key.
 */
export function parseJwks(text: string, what: string): readonly VerificationKey[] {
  const set = parseStrictJson(text, what, { maxLength: 1024 * 1024, maxDepth: 16 });
  const keys = isJsonObject(set) ? set['keys'] : undefined;
  if (keys === undefined || !isJsonArray(keys as JsonValue)) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a JWK set with keys, found another document`);
  }
  const entries = keys as readonly JsonValue[];
  if (entries.length > MAX_KEYS)
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected at most ${MAX_KEYS} keys, found ${entries.length}`);
  const usable = entries.flatMap((entry, index) => readKey(entry, `${what}: keys[${index}]`));
  if (usable.length === 0)
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a public key on P-256, P-384 or Ed25519 for signatures, found none`);
  return usable;
}

function readKey(entry: JsonValue, what: string): readonly VerificationKey[] {
  if (!isJsonObject(entry)) throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected an object, found another value`);
  const { kty, crv, x, y, kid, use, alg, key_ops: operations, ...others } = entry as JsonObject & Record<string, JsonValue | undefined>;
  const secret = ['d', 'k', 'p', 'q'].find((member) => Object.hasOwn(others, member));
  if (secret !== undefined) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a public key, found the private or symmetric member ${secret}`, {
      hint: 'a shared secret goes to --hmac-key-file; a private key that was in a public file must be replaced',
    });
  }
  if (!['P-256', 'P-384', 'Ed25519'].includes(crv as string)) return [];
  const jwk = parsePublicJwk({ kty, crv, x, y }, what);
  const algorithm = joseAlgorithmOf(jwk);
  const verifies = operations === undefined || (isJsonArray(operations) && operations.includes('verify'));
  if (!verifies || (use ?? 'sig') !== 'sig' || (alg ?? algorithm) !== algorithm) return [];
  return [{ algorithm, jwk, ...(typeof kid === 'string' && { kid }) }];
}
