/** Public keys as JWK (RFC 7517, 7518, 8037) and as SubjectPublicKeyInfo, for the three key types that sign tokens and manifests. */
import { canonicalBytes, type JsonObject, type JsonValue } from './canonical-json.ts';
import { sha256 } from './digest.ts';
import { concat, equalBytes, fromBase64Url, fromHex, toBase64Url } from './encoding.ts';
import { JoineryError } from './errors.ts';
import { type Issue, object, oneOf, optional, type Parser, parseDocument, refine, string } from './parse.ts';

export type JoseAlgorithm = 'ES256' | 'ES384' | 'EdDSA';
export type JwkCurve = 'P-256' | 'P-384' | 'Ed25519';

export interface EcPublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256' | 'P-384';
  readonly x: string;
  readonly y: string;
}

export interface OkpPublicJwk {
  readonly kty: 'OKP';
  readonly crv: 'Ed25519';
  readonly x: string;
}

/** The members that RFC 7638 hashes, and no others. */
export type PublicJwk = EcPublicJwk | OkpPublicJwk;

interface Curve {
  readonly kty: 'EC' | 'OKP';
  readonly alg: JoseAlgorithm;
  /** Bytes of one coordinate. */
  readonly size: number;
  /** DER of SubjectPublicKeyInfo up to the coordinates; for EC it ends with 04, an uncompressed point (RFC 5480 section 2.2). */
  readonly prefix: Uint8Array;
}

const CURVES: Readonly<Record<JwkCurve, Curve>> = {
  'P-256': { kty: 'EC', alg: 'ES256', size: 32, prefix: fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004') },
  'P-384': { kty: 'EC', alg: 'ES384', size: 48, prefix: fromHex('3076301006072a8648ce3d020106052b8104002203620004') },
  Ed25519: { kty: 'OKP', alg: 'EdDSA', size: 32, prefix: fromHex('302a300506032b6570032100') },
};

const CURVE_NAMES = ['P-256', 'P-384', 'Ed25519'] as const;

/** Members that only a private or symmetric JWK has (RFC 7518 sections 6.2.2, 6.3.2, 6.4). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * The JWK of a SubjectPublicKeyInfo.
 * @param spki DER, EC points uncompressed.
 * @throws ERR_KEY_MALFORMED for another type of key.
 */
export function publicJwk(spki: Uint8Array, what = 'public key'): PublicJwk {
  for (const crv of CURVE_NAMES) {
    const { kty, size, prefix } = CURVES[crv];
    const point = spki.subarray(prefix.length);
    if (point.length !== (kty === 'EC' ? 2 * size : size) || !equalBytes(spki.subarray(0, prefix.length), prefix)) continue;
    const x = toBase64Url(point.subarray(0, size));
    return crv === 'Ed25519' ? { kty: 'OKP', crv, x } : { kty: 'EC', crv, x, y: toBase64Url(point.subarray(size)) };
  }
  throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a key on ${CURVE_NAMES.join(', ')}, found another type of key`);
}

/** The DER of the SubjectPublicKeyInfo of a JWK that {@link publicJwk} or {@link parsePublicJwk} gave. */
export function spkiOfJwk(jwk: PublicJwk): Uint8Array {
  const { prefix } = CURVES[jwk.crv];
  return jwk.kty === 'EC' ? concat(prefix, fromBase64Url(jwk.x), fromBase64Url(jwk.y)) : concat(prefix, fromBase64Url(jwk.x));
}

/** RFC 7638 with SHA-256: 43 characters of base64url. */
export function jwkThumbprint(jwk: PublicJwk): string {
  return toBase64Url(sha256(canonicalBytes({ ...jwk })));
}

export function isJwkThumbprint(text: string): boolean {
  return /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/.test(text);
}

/** The one algorithm that a key is used with (RFC 8725 section 3.1). */
export function joseAlgorithmOf(jwk: PublicJwk): JoseAlgorithm {
  return CURVES[jwk.crv].alg;
}

const coordinate = string({ minLength: 43, maxLength: 64, pattern: /^[A-Za-z0-9_-]+$/, describe: 'a coordinate in base64url' });

const members = refine(
  object({ kty: oneOf(['EC', 'OKP']), crv: oneOf(CURVE_NAMES), x: coordinate, y: optional(coordinate) }),
  ({ kty, crv, x, y }): { value: PublicJwk } | { issue: string } => {
    const curve = CURVES[crv];
    if (kty !== curve.kty) return { issue: `expected kty ${curve.kty} for crv ${crv}, found ${kty}` };
    if ((y === undefined) !== (crv === 'Ed25519')) return { issue: `expected ${crv === 'Ed25519' ? 'no y' : 'y'} for crv ${crv}` };
    for (const text of y === undefined ? [x] : [x, y]) {
      if (!isCoordinate(text, curve.size))
        return { issue: `expected coordinates of ${curve.size} bytes in canonical base64url, found another form` };
    }
    return { value: (crv === 'Ed25519' ? { kty, crv, x } : { kty, crv, x, y }) as PublicJwk };
  },
);

function isCoordinate(text: string, size: number): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === size && bytes.toString('base64url') === text;
}

/** A public JWK inside a document: exactly the members of RFC 7638. A private one is named as such, its value never shown. */
export const publicJwkParser: Parser<PublicJwk> = {
  schema: members.schema,
  read(value: JsonValue | undefined, path: string, issues: Issue[]) {
    const secret =
      typeof value === 'object' && value !== null ? SECRET_MEMBERS.find((name) => Object.hasOwn(value as JsonObject, name)) : undefined;
    if (secret === undefined) return members.read(value, path, issues);
    issues.push({ path, message: `expected a public key, found the private or symmetric member ${secret}` });
    return undefined;
  },
};

/** @param what names the input. @throws ERR_KEY_MALFORMED with every wrong path. */
export function parsePublicJwk(value: JsonValue, what: string): PublicJwk {
  return parseDocument(publicJwkParser, value, what, 'ERR_KEY_MALFORMED');
}
