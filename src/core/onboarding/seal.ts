/** Who a sealed package is for: an age recipient, or a public key on P-256 (JWE). */
import { parseStrictJson } from '../canonical-json.ts';
import { parsePem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { parsePublicJwk, type PublicJwk, publicJwk } from '../jwk.ts';

export type Recipient = { readonly kind: 'age'; readonly recipient: string } | { readonly kind: 'jwe'; readonly jwk: PublicJwk };

/** Names of the one file of a sealed package, by how it is sealed. */
export const SEALED_PATHS = { age: 'package.tar.age', jwe: 'package.tar.jwe' } as const;

const AGE = /^age1[a-z0-9]{20,4000}$/;

/** True for text that is a recipient itself, not a file with one. */
export function isAgeRecipient(text: string): boolean {
  return AGE.test(text);
}

/** @param text of `--sealed-to`, or of the file that it names. @throws ERR_PACKAGE_SEAL, ERR_KEY_MALFORMED, ERR_PEM_MALFORMED */
export function parseRecipient(text: string, what: string): Recipient {
  const lines = text.split('\n').map((line) => line.trim());
  // A file of age-keygen has comments.
  const [age] = lines.filter((line) => AGE.test(line));
  if (age !== undefined) return { kind: 'age', recipient: age };
  const jwk = text.trimStart().startsWith('{') ? parsePublicJwk(parseStrictJson(text, what), what) : publicJwk(spkiOf(text, what), what);
  if (jwk.crv === 'P-256') return { kind: 'jwe', jwk };
  throw new JoineryError('ERR_PACKAGE_SEAL', `${what}: expected a key on P-256, found one on ${jwk.crv}`);
}

function spkiOf(text: string, what: string): Uint8Array {
  const block = parsePem(text, what).find(({ label }) => label === 'PUBLIC KEY');
  if (block !== undefined) return block.der;
  throw new JoineryError('ERR_PACKAGE_SEAL', `${what}: expected age1..., a PUBLIC KEY in PEM or a JWK, found something else`);
}
