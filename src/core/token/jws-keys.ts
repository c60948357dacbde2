/** Keys of any JWK set (RFC 7517, 7518, 8037) for the verification of signatures alone, each with the algorithms that it fits. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { fromBase64Url } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { JwsKey } from '../key-ports.ts';
import { isRocaModulus } from '../x509/roca.ts';

/** Every algorithm that joinery can verify a JWS with. */
export const JWS_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'HS256',
  'HS384',
  'HS512',
] as const;
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number];

export interface AnyVerificationKey {
  readonly kid?: string;
  readonly algorithms: readonly JwsAlgorithm[];
  readonly material: JwsKey;
}

/** Curve, bytes of one coordinate, and what is signed with it. */
const CURVES: Readonly<Record<string, readonly [string, number, readonly JwsAlgorithm[]]>> = {
  'P-256': ['EC', 32, ['ES256']],
  'P-384': ['EC', 48, ['ES384']],
  'P-521': ['EC', 66, ['ES512']],
  Ed25519: ['OKP', 32, ['EdDSA', 'Ed25519']],
};

const RSA: readonly JwsAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
/** RFC 7518 section 3.2: a key of the size of the hash output or larger. */
const HMAC: readonly (readonly [JwsAlgorithm, number])[] = [
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
];
/** RFC 7518 sections 3.3 and 3.5. */
const MIN_RSA_BYTES = 256;

/**
 * Reads a JWK set, or one JWK. Of a private key only its public part is used. Keys that are not for verifying are passed over.
 * @throws ERR_JSON_MALFORMED, ERR_KEY_MALFORMED for no usable key and for a key of a known type that is malformed.
 */
export function parseAnyJwks(text: string, what: string): readonly AnyVerificationKey[] {
  const document = parseStrictJson(text, what, { maxLength: 1024 * 1024, maxDepth: 16 });
  const entries = isJsonObject(document) && document['keys'] !== undefined ? document['keys'] : [document];
  if (!isJsonArray(entries)) throw malformed(what, 'keys as an array');
  const keys = entries.flatMap((entry, index) => readKey(entry, `${what}: keys[${index}]`));
  if (keys.length === 0) throw malformed(what, 'a key for verifying signatures');
  assertUnambiguous(keys, what);
  return keys;
}

/** RFC 7517 section 4.5: keys of one kind have different identifiers. Where secrets stand beside public keys, either is taken for the other. */
function assertUnambiguous(keys: readonly AnyVerificationKey[], what: string): void {
  const named = keys.filter(({ kid }) => kid !== undefined).map(({ kid, algorithms }) => JSON.stringify([kid, algorithms[0]?.slice(0, 2)]));
  if (new Set(named).size !== named.length) throw malformed(what, 'each kid once');
  if (new Set(keys.map(({ material }) => material instanceof Uint8Array)).size > 1)
    throw malformed(what, 'public keys only, or shared secrets only');
}

function readKey(entry: JsonValue, what: string): readonly AnyVerificationKey[] {
  if (!isJsonObject(entry)) throw malformed(what, 'an object');
  const { kid, use, alg, key_ops: operations } = entry;
  if (use !== undefined && use !== 'sig') return [];
  if (operations !== undefined && !(isJsonArray(operations) && operations.includes('verify'))) return [];
  const read = readMaterial(entry, what);
  const algorithms = (read?.algorithms ?? []).filter((algorithm) => alg === undefined || alg === algorithm);
  if (read === undefined || algorithms.length === 0) return [];
  return [{ algorithms, material: read.material, ...(typeof kid === 'string' && { kid }) }];
}

type Read = Pick<AnyVerificationKey, 'algorithms' | 'material'>;

function readMaterial(jwk: JsonObject, what: string): Read | undefined {
  switch (jwk['kty']) {
    case 'EC':
    case 'OKP':
      return readCurve(jwk, what);
    case 'RSA':
      return readRsa(jwk, what);
    case 'oct': {
      const material = octets(jwk, 'k', what);
      return { material, algorithms: HMAC.filter(([, minimum]) => material.length >= minimum).map(([algorithm]) => algorithm) };
    }
    default:
      return undefined;
  }
}

function readCurve(jwk: JsonObject, what: string): Read | undefined {
  const { kty, crv, x, y } = jwk;
  const curve = typeof crv === 'string' && Object.hasOwn(CURVES, crv) ? CURVES[crv] : undefined;
  if (curve === undefined) return undefined;
  const [curveType, size, algorithms] = curve;
  if (kty !== curveType) throw malformed(what, `kty ${curveType} for this crv`);
  for (const member of kty === 'EC' ? ['x', 'y'] : ['x']) {
    if (octets(jwk, member, what).length !== size) throw malformed(what, `${member} of ${size} bytes`);
  }
  return { algorithms, material: kty === 'EC' ? { kty, crv, x, y } : { kty, crv, x } };
}

function readRsa(jwk: JsonObject, what: string): Read {
  const { n, e } = jwk;
  const [modulus, exponent] = [octets(jwk, 'n', what), octets(jwk, 'e', what)];
  const even = ((exponent.at(-1) ?? 0) & 1) === 0;
  // With the exponent 1 everybody can sign.
  if (even || (exponent.length === 1 && exponent[0] === 1)) throw malformed(what, 'e that is odd and above 1');
  if (isRocaModulus(modulus)) throw malformed(what, 'n of primes that cannot be found (CVE-2017-15361)');
  return { algorithms: modulus.length >= MIN_RSA_BYTES ? RSA : [], material: { kty: 'RSA', n, e } };
}

function octets(jwk: JsonObject, member: string, what: string): Uint8Array {
  const value = jwk[member];
  if (typeof value !== 'string') throw malformed(what, `${member} in base64url`);
  return fromBase64Url(value, `${what}: ${member}`);
}

function malformed(what: string, expected: string): JoineryError {
  return new JoineryError('ERR_KEY_MALFORMED', `${what}: expected ${expected}, found another form`);
}
