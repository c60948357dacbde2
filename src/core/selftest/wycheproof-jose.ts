/** Wycheproof's JSON Web Signatures and key sets, read as `token verify --signature-only` reads them. */
import { isJoineryError } from '../errors.ts';
import { type AnyVerificationKey, JWS_ALGORITHMS, parseAnyJwks } from '../token/jws-keys.ts';
import { verifyAnyJws } from '../token/jws.ts';
import { listOf, objectOf, type Shape } from './shape.ts';
import { accepted, type Found, refused, skipped } from './trial.ts';
import type { OpenGroup, TryVector, WycheproofGroup } from './wycheproof.ts';

const ENCRYPTION = 'joinery opens only what it has sealed: ECDH-ES on P-256 with A256GCM';

export const JOSE_GROUPS: Readonly<Record<string, OpenGroup>> = {
  JsonWebSignature: openGroup,
  JsonWebKey: openGroup,
  JsonWebEncryption: () => ENCRYPTION,
};

function openGroup(given: WycheproofGroup): TryVector {
  const { group, where, tools } = given;
  const keys = readKeys(group);
  const torn = contradictions(listOf(group['tests'], `${where}.tests`));
  return (test) => {
    const { jws, flags } = test;
    if (jws === undefined) return skipped(ENCRYPTION);
    if (Array.isArray(flags) && flags.includes('JsonSerialization'))
      return skipped('wants a reader of the compact form only; RFC 7515 has two');
    const text = typeof jws === 'string' ? jws : JSON.stringify(jws);
    if (torn.has(text)) return skipped('the suite calls the same text valid and invalid');
    return verify(text, keys, tools.verifyJws);
  };
}

function readKeys(group: Shape): readonly AnyVerificationKey[] | Found {
  try {
    return parseAnyJwks(JSON.stringify(objectOf(group['public'] ?? group['private'], 'key')), 'key');
  } catch (error) {
    return refusal(error);
  }
}

async function verify(
  text: string,
  keys: readonly AnyVerificationKey[] | Found,
  verifyJws: WycheproofGroup['tools']['verifyJws'],
): Promise<Found> {
  if ('kind' in keys) return keys;
  try {
    await verifyAnyJws(text, { keys, algorithms: JWS_ALGORITHMS, verifyJws });
    return accepted;
  } catch (error) {
    return refusal(error);
  }
}

/** A signature that does not hold is never a rule of joinery's own. */
function refusal(error: unknown): Found {
  if (!isJoineryError(error)) throw error;
  return refused(error.code, error.code !== 'ERR_TOKEN_SIGNATURE');
}

/** Texts that stand in a group with two results. */
function contradictions(tests: readonly unknown[]): ReadonlySet<unknown> {
  const results = new Map<unknown, unknown>();
  const torn = new Set<unknown>();
  for (const test of tests) {
    const { jws, result } = test as Shape;
    if (results.has(jws) && results.get(jws) !== result) torn.add(jws);
    results.set(jws, result);
  }
  return torn;
}
