/**
 * The one function that decides whether a `jwt` join token is good. Command line, server and client run it, so the first
 * error is the same everywhere. Order: size, structure, algorithm, signature, typ, claims, then {@link checkGrant}.
 */
import type { JsonObject } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import type { VerifyJws } from '../key-ports.ts';
import { type Accepted, checkGrant, type Expectations, type TimeRules, uncheckedOf } from './checks.ts';
import { parseClaims, type TokenClaims } from './claims.ts';
import { type Grant, grantOfClaims } from './grant.ts';
import { type CompactToken, parseCompact, TOKEN_TYPE } from './jwt.ts';
import type { TokenAlgorithm, VerificationKey } from './signer.ts';
import { type TokenState, UNUSED, type UseRequest } from './use.ts';

export interface VerifyRules extends TimeRules {
  /** The algorithms of these keys are the allow-list. */
  readonly keys: readonly VerificationKey[];
  readonly verifyJws: VerifyJws;
  /** What the realm remembers; absent: there is no realm, and uses stay unchecked. Called after the signature held. */
  readonly stateOf?: (grant: Grant) => Promise<TokenState>;
}

export interface VerifiedToken {
  readonly algorithm: TokenAlgorithm;
  readonly kid?: string;
  readonly claims: TokenClaims;
  /** Claims that joinery does not know: shown, never trusted. */
  readonly unknown: JsonObject;
  readonly grant: Grant;
  readonly decision: Accepted;
  /** What the verifier was not told or cannot know, and still has to check. */
  readonly unchecked: readonly string[];
}

/**
 * Verifies a `jwt` join token; changes nothing.
 * @param request the use that is asked for; absent for a look.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_ALGORITHM, ERR_TOKEN_KEY_UNKNOWN, ERR_TOKEN_SIGNATURE, ERR_TOKEN_TYPE,
 * ERR_TOKEN_CLAIMS, then those of {@link checkGrant}.
 */
export async function verifyJwt(text: string, rules: VerifyRules, expected: Expectations, request?: UseRequest): Promise<VerifiedToken> {
  const token = parseCompact(text);
  const key = await verifySignature(token, rules);
  if (token.header.typ !== TOKEN_TYPE) {
    throw new JoineryError('ERR_TOKEN_TYPE', `token header typ: expected ${TOKEN_TYPE}, found ${token.header.typ ?? 'none'}`);
  }
  const { claims, unknown } = parseClaims(token.payload);
  const grant = grantOfClaims(claims);
  const state = (await rules.stateOf?.(grant)) ?? UNUSED;
  const decision = checkGrant(grant, expected, state, rules, request);
  const unchecked = uncheckedOf(grant, expected);
  return {
    algorithm: key.algorithm,
    ...(token.header.kid !== undefined && { kid: token.header.kid }),
    claims,
    unknown,
    grant,
    decision,
    unchecked: rules.stateOf === undefined ? [...unchecked, 'uses', 'revocation'] : unchecked,
  };
}

/** @returns the key under which the signature holds. @throws ERR_TOKEN_ALGORITHM, ERR_TOKEN_KEY_UNKNOWN, ERR_TOKEN_SIGNATURE */
async function verifySignature({ text, header }: CompactToken, { keys, verifyJws }: VerifyRules): Promise<VerificationKey> {
  const fitting = keys.filter((key) => key.algorithm === header.alg);
  if (fitting.length === 0) {
    const accepted = [...new Set(keys.map((key) => key.algorithm))];
    throw new JoineryError(
      'ERR_TOKEN_ALGORITHM',
      `token header alg: expected ${accepted.join(' or ') || 'none, as there is no key'}, found ${header.alg}`,
    );
  }
  // A kid only ever selects among keys that are fixed to this algorithm already (RFC 8725 section 3.1).
  const named = fitting.filter((key) => header.kid === undefined || key.kid === undefined || key.kid === header.kid);
  if (named.length === 0) {
    throw new JoineryError('ERR_TOKEN_KEY_UNKNOWN', `token header kid: expected the kid of a known ${header.alg} key, found another`, {
      hint: 'the key was retired, or the token comes from another realm',
    });
  }
  for (const key of named) {
    const material = key.algorithm === 'HS256' ? key.secret.reveal() : key.jwk;
    if (await verifyJws(text, material as Uint8Array | JsonObject, key.algorithm)) return key;
  }
  throw new JoineryError('ERR_TOKEN_SIGNATURE', 'token: expected a signature that holds under a known key, found none');
}
