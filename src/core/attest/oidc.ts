/** `oidc`: a token that an issuer made for this server's audience: of a CI system, a Kubernetes service account, a cloud identity. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { type Digest } from '../digest.ts';
import { decodeUtf8 } from '../encoding.ts';
import { isJoineryError, JoineryError } from '../errors.ts';
import type { VerifyJws } from '../key-ports.ts';
import { object, string } from '../parse.ts';
import { type Instant, isInstant, plus } from '../time.ts';
import { type VerifiedJws, verifyAnyJws } from '../token/jws.ts';
import type { JwsAlgorithm } from '../token/jws-keys.ts';
import type { Attestor } from './context.ts';
import {
  asMalformed,
  assertBefore,
  assertFresh,
  assertNotLater,
  CLOCK_SKEW,
  evidenceDigest,
  quoted,
  readEvidence,
  refuse,
} from './evidence.ts';
import type { KeySource } from './key-source.ts';

export interface OidcOptions {
  readonly name: string;
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** Default RS256 and ES256. */
  readonly algorithms?: readonly JwsAlgorithm[] | undefined;
  readonly keys: KeySource;
  readonly verifyJws: VerifyJws;
  /** Seconds since `iat`; default 10 min. */
  readonly maxAge?: number | undefined;
  /** Claims that are kept; default: all. */
  readonly claims?: readonly string[] | undefined;
}

const DEFAULT_MAX_AGE = 600;
const DEFAULT_ALGORITHMS: readonly JwsAlgorithm[] = ['RS256', 'ES256'];

/** RFC 7515 section 7.1; a signature that was cut off leaves an empty part. */
const evidenceParser = object({
  token: string({ maxLength: 16384, pattern: /^[\w-]+\.[\w-]+\.[\w-]+$/, describe: 'a signed JWT of three parts' }),
});

/** Claims: those of the token, as the issuer wrote them. */
export function oidcAttestor(options: OidcOptions): Attestor {
  const { name, maxAge = DEFAULT_MAX_AGE } = options;
  return {
    attest: async (given, { now }) => {
      const { token } = readEvidence(evidenceParser, given);
      const claims = readClaims(await verified(options, token));
      const { iss, jti } = claims;
      if (iss !== options.issuer) throw refuse('iss', quoted(options.issuer), shown(iss));
      assertAudience(claims['aud'], options.audiences);
      const { issuedAt, expiresAt } = assertTimes(claims, now, maxAge);
      const digest = digestOfToken(token, options.issuer, jti);
      return { provider: name, claims: keptClaims(claims, options.claims), issuedAt, digest, replayableUntil: plus(expiresAt, CLOCK_SKEW) };
    },
  };
}

/** One more try with newer keys, where none of the known ones is meant or fits: issuers rotate them, some under one key id. */
async function verified({ keys: source, algorithms = DEFAULT_ALGORITHMS, verifyJws }: OidcOptions, token: string): Promise<VerifiedJws> {
  const keys = await source.keys();
  const verify = (candidates: typeof keys) => verifyAnyJws(token, { keys: candidates, algorithms, verifyJws });
  try {
    return await verify(keys).catch(async (error: unknown) => {
      const rotated = isJoineryError(error, 'ERR_TOKEN_KEY_UNKNOWN') || isJoineryError(error, 'ERR_TOKEN_SIGNATURE');
      const newer = rotated ? await source.newerThan(keys) : undefined;
      if (newer === undefined) throw error;
      return verify(newer);
    });
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    // The codes of join tokens would say that the token of the join is wrong.
    const code = error.family === 'malformed' ? 'ERR_ATTESTATION_MALFORMED' : 'ERR_ATTESTATION_FAILED';
    throw new JoineryError(code, `evidence: token: ${error.message}`, { cause: error });
  }
}

function readClaims({ payload }: VerifiedJws): JsonObject {
  const claims = asMalformed(() => parseStrictJson(decodeUtf8(payload, 'evidence: claims'), 'evidence: claims', { maxDepth: 16 }));
  if (isJsonObject(claims)) return claims;
  throw new JoineryError('ERR_ATTESTATION_MALFORMED', 'evidence: claims: expected an object, found another value');
}

function assertAudience(audience: JsonValue | undefined, wanted: readonly string[]): void {
  const found = audience !== undefined && isJsonArray(audience) ? audience : [audience];
  if (found.some((entry) => wanted.includes(entry as string))) return;
  throw refuse('aud', wanted.map(quoted).join(' or '), shown(audience));
}

/** RFC 7519 section 4.1; `exp` and `iat` are asked for. */
function assertTimes(claims: JsonObject, now: Instant, maxAge: number): { readonly issuedAt: Instant; readonly expiresAt: Instant } {
  const [expires, issued, notBefore] = [timeOf(claims, 'exp'), timeOf(claims, 'iat'), timeOf(claims, 'nbf')];
  if (expires === undefined || issued === undefined) throw refuse('claims', 'exp and iat', 'one of them missing');
  assertBefore('exp', expires, now);
  assertFresh('iat', issued, now, maxAge);
  assertNotLater('nbf', notBefore ?? issued, now);
  return { issuedAt: issued, expiresAt: expires };
}

/** NumericDate may have a fraction. */
function timeOf(claims: JsonObject, claim: string): Instant | undefined {
  const value = claims[claim];
  if (value === undefined) return undefined;
  const at = typeof value === 'number' ? Math.floor(value) : -1;
  if (isInstant(at)) return at;
  throw refuse(claim, 'seconds since 1970', shown(value));
}

function keptClaims(claims: JsonObject, names: readonly string[] | undefined): JsonObject {
  if (names === undefined) return claims;
  return Object.fromEntries(Object.entries(claims).filter(([claim]) => names.includes(claim)));
}

/** By `jti` where there is one: whatever else the issuer writes around it, it is the same token. */
function digestOfToken(token: string, issuer: string, jti: JsonValue | undefined): Digest {
  if (typeof jti === 'string' && jti !== '') return evidenceDigest('jti', issuer, jti);
  return evidenceDigest('jwt', token.slice(0, token.lastIndexOf('.')));
}

function shown(value: JsonValue | undefined): string {
  return value === undefined ? 'none' : quoted(JSON.stringify(value));
}
