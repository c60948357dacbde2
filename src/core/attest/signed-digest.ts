/**
 * `signed-digest`: a signature over the digest of an image or program, by a key that is configured. It proves that what was signed is
 * good, and that the node knows of it; that the node runs it is the node's word. A policy asks for it beside something else.
 */
import { canonicalJson, isJsonObject, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { pinOf } from '../digest.ts';
import { decodeUtf8, fromBase64Url, toBase64Url, utf8 } from '../encoding.ts';
import type { SignatureAlgorithm, VerifySignature } from '../key-ports.ts';
import { object, optional, type Parsed, refine, string } from '../parse.ts';
import { type Instant, isInstant } from '../time.ts';
import type { PublicKey, SubjectPublicKeyInfo } from '../x509/algorithms.ts';
import { OID } from '../x509/oids.ts';
import type { Attestor } from './context.ts';
import { asMalformed, assertFresh, assertNotLater, evidenceDigest, fromWrappedBase64, quoted, readEvidence, refuse } from './evidence.ts';

export interface SignedDigestOptions {
  readonly name: string;
  readonly keys: readonly SubjectPublicKeyInfo[];
  /** Lower-case hex; default: every digest that was signed. */
  readonly digests?: readonly string[] | undefined;
  readonly singleUse?: boolean | undefined;
  readonly verifySignature: VerifySignature;
  /** Seconds since `iat` in the header of the JWS; default: any age, and signatures that do not say theirs. */
  readonly maxAge?: number | undefined;
}

const evidenceParser = refine(
  object({
    /** SHA-256 of the image: 64 characters, which are what is signed, without a line end. */
    digest: string({ maxLength: 64, pattern: /^[0-9a-f]{64}$/, describe: 'SHA-256 in lower-case hex' }),
    /** RFC 7515 appendix F: compact, with an empty payload. */
    jws: optional(string({ maxLength: 8192, pattern: /^[\w-]+\.\.[\w-]+$/, describe: 'a detached JWS' })),
    /** Base64, as OpenSSL makes it: PKCS #1, ECDSA in DER or as two numbers, Ed25519. */
    signature: optional(string({ minLength: 1, maxLength: 4096 })),
  }),
  (value) =>
    (value.jws === undefined) === (value.signature === undefined) ? { issue: 'expected jws or signature, found both or none' } : { value },
);

/** The age of a signature that does not say it: older than every rule's `maxEvidenceAge`. */
const UNKNOWN_AGE = 0 as Instant;

/** Claims: digest, key_pin. */
export function signedDigestAttestor(options: SignedDigestOptions): Attestor {
  const { name, digests, singleUse = false } = options;
  return {
    attest: async (given, { now, csrSpki }) => {
      const evidence = readEvidence(evidenceParser, given);
      const { digest } = evidence;
      if (digests !== undefined && !digests.includes(digest)) throw refuse('digest', 'one that is configured', digest);
      const { key, issuedAt } = evidence.jws === undefined ? plainSigner(options, evidence) : jwsSigner(options, evidence.jws, digest);
      assertAge(options, issuedAt, now);
      const pin = pinOf(key.der);
      // The same for every node that runs the image, unless it is told to count once.
      const use = singleUse
        ? { digest: evidenceDigest('signed-digest', pin, digest) }
        : // Of this key alone: no other one could replay it, and it need not be remembered.
          { digest: evidenceDigest('signed-digest', pin, digest, pinOf(csrSpki)), replayableUntil: now };
      return { provider: name, claims: { digest, key_pin: pin }, issuedAt: issuedAt ?? UNKNOWN_AGE, ...use };
    },
  };
}

interface Signer {
  readonly key: SubjectPublicKeyInfo;
  readonly issuedAt?: Instant;
}

function assertAge({ maxAge }: SignedDigestOptions, issuedAt: Instant | undefined, now: Instant): void {
  if (issuedAt !== undefined) assertNotLater('iat', issuedAt, now);
  if (maxAge === undefined) return;
  if (issuedAt === undefined) throw refuse('signature', 'a JWS with iat in its header', 'one that does not say its age');
  assertFresh('iat', issuedAt, now, maxAge);
}

const EC_HASH: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.p256]: 'ecdsa-sha256',
  [OID.p384]: 'ecdsa-sha384',
  [OID.p521]: 'ecdsa-sha512',
};

/** What `openssl dgst -sign` makes with a key: SHA-256, and for longer curves the hash of the curve too. */
function plainAlgorithms(key: PublicKey): readonly SignatureAlgorithm[] {
  switch (key.kind) {
    case 'rsa':
      return ['rsa-sha256'];
    case 'ec':
      return ['ecdsa-sha256', EC_HASH[key.curve] ?? 'ecdsa-sha256'];
    case 'ed25519':
      return ['ed25519'];
    default:
      return [];
  }
}

function plainSigner({ keys, verifySignature }: SignedDigestOptions, evidence: Parsed<typeof evidenceParser>): Signer {
  const [data, signature] = [utf8(evidence.digest), fromWrappedBase64(evidence.signature as string, 'evidence: signature')];
  const holds = ({ der: spki, key }: SubjectPublicKeyInfo): boolean =>
    plainAlgorithms(key).some((algorithm) =>
      (['der', 'ieee-p1363'] as const).some((encoding) => verifySignature({ algorithm, spki, data, signature, encoding })),
    );
  return { key: found(keys, holds) };
}

function found(keys: readonly SubjectPublicKeyInfo[], holds: (key: SubjectPublicKeyInfo) => boolean): SubjectPublicKeyInfo {
  const key = keys.find(holds);
  if (key !== undefined) return key;
  throw refuse('signature', 'one over the digest by a configured key', 'none');
}

interface JwsRule {
  readonly kind: PublicKey['kind'];
  readonly curve?: string;
  readonly algorithm: SignatureAlgorithm;
}

const JWS_RULES: Readonly<Record<string, JwsRule>> = {
  RS256: { kind: 'rsa', algorithm: 'rsa-sha256' },
  RS384: { kind: 'rsa', algorithm: 'rsa-sha384' },
  RS512: { kind: 'rsa', algorithm: 'rsa-sha512' },
  PS256: { kind: 'rsa', algorithm: 'rsa-pss-sha256' },
  PS384: { kind: 'rsa', algorithm: 'rsa-pss-sha384' },
  PS512: { kind: 'rsa', algorithm: 'rsa-pss-sha512' },
  ES256: { kind: 'ec', curve: OID.p256, algorithm: 'ecdsa-sha256' },
  ES384: { kind: 'ec', curve: OID.p384, algorithm: 'ecdsa-sha384' },
  ES512: { kind: 'ec', curve: OID.p521, algorithm: 'ecdsa-sha512' },
  EdDSA: { kind: 'ed25519', algorithm: 'ed25519' },
  Ed25519: { kind: 'ed25519', algorithm: 'ed25519' },
};

function fits({ kind, curve }: JwsRule, key: PublicKey): boolean {
  return key.kind === kind && (key.kind !== 'ec' || key.curve === curve);
}

function jwsSigner({ keys, verifySignature }: SignedDigestOptions, jws: string, digest: string): Signer {
  const [protectedHeader, , encoded] = jws.split('.') as [string, string, string];
  const header = readHeader(protectedHeader);
  const signature = asMalformed(() => fromBase64Url(encoded, 'evidence: jws'));
  const data = utf8(`${protectedHeader}.${toBase64Url(utf8(digest))}`);
  const { alg, iat } = header;
  const rule = Object.hasOwn(JWS_RULES, alg) ? JWS_RULES[alg] : undefined;
  if (rule === undefined) throw refuse('alg', Object.keys(JWS_RULES).join(' or '), quoted(alg));
  const holds = ({ der: spki, key }: SubjectPublicKeyInfo): boolean =>
    fits(rule, key) && verifySignature({ algorithm: rule.algorithm, spki, data, signature, encoding: 'ieee-p1363' });
  return { key: found(keys, holds), ...(iat !== undefined && { issuedAt: iat }) };
}

function readHeader(text: string): { readonly alg: string; readonly iat: Instant | undefined } {
  const header = asMalformed(() =>
    parseStrictJson(decodeUtf8(fromBase64Url(text, 'evidence: jws'), 'evidence: jws'), 'evidence: jws', { maxDepth: 8 }),
  );
  const { alg, iat, crit, b64 } = (isJsonObject(header) ? header : {}) as JsonObject;
  if (crit !== undefined || b64 !== undefined) throw refuse('jws', 'a header without crit and b64', 'one with');
  if (typeof alg !== 'string') throw refuse('jws', 'alg in its header', 'none');
  if (iat === undefined) return { alg, iat };
  if (typeof iat === 'number' && isInstant(iat)) return { alg, iat };
  throw refuse('iat', 'seconds since 1970', quoted(canonicalJson(iat)));
}
