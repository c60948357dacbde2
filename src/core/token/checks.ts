/** The checks after the signature, in their one order: issuer and audience, time, role and node, uses. The first error wins. */
import { JoineryError } from '../errors.ts';
import { formatDuration, formatInstant, type Instant, type Seconds } from '../time.ts';
import type { Grant } from './grant.ts';
import { CLOCK_SKEW, decideUse, expiryOf, type TokenState, USE_ERRORS, type UseRequest } from './use.ts';

/** What the verifier knows and the token must agree with. What is absent is not compared, and reported as unchecked. */
export interface Expectations {
  readonly issuer?: string;
  readonly cluster: string;
  readonly environment?: string;
  readonly role?: string;
  readonly node?: string;
  /** RFC 7638 thumbprint of the key that asks. */
  readonly keyThumbprint?: string;
}

export interface TimeRules {
  readonly now: Instant;
  /** Longest `exp` - `iat` that is accepted. */
  readonly maxLifetime: Seconds;
}

export type Accepted = 'accepted' | 'same-request';

/**
 * @param request the use that is asked for; absent for a look without use.
 * @throws ERR_TOKEN_ISSUER, ERR_TOKEN_AUDIENCE, then those of {@link checkTime}, ERR_TOKEN_ENVIRONMENT, ERR_TOKEN_ROLE,
 * ERR_TOKEN_NODE, ERR_TOKEN_KEY_BOUND, then ERR_TOKEN_REVOKED, ERR_TOKEN_SUPERSEDED, ERR_TOKEN_USE_CONFLICT, ERR_TOKEN_REPLAYED,
 * ERR_TOKEN_EXHAUSTED.
 */
export function checkGrant(grant: Grant, expected: Expectations, state: TokenState, time: TimeRules, request?: UseRequest): Accepted {
  checkAddressee(grant, expected);
  checkTime(grant, state, time);
  checkBearer(grant, expected);
  const decision = decideUse(grant, state, request, time.now);
  if (decision === 'accepted' || decision === 'same-request') return decision;
  throw new JoineryError(USE_ERRORS[decision], USE_MESSAGES[decision], { details: { id: grant.id, outcome: decision } });
}

const USE_MESSAGES = {
  expired: 'token: expected one that has not expired, found it expired',
  revoked: 'token: expected one that is not revoked, found it revoked',
  superseded: 'token: expected one issued after the last restore and revocation, found an earlier one',
  conflict: 'token: expected the same node and role as when this key used it first, found others',
  replayed: 'token: expected one that no other key used, found its single use spent by another key',
  exhausted: 'token: expected uses left, found none',
};

function checkAddressee(grant: Grant, expected: Expectations): void {
  if (expected.issuer !== undefined && grant.issuer !== expected.issuer) {
    throw mismatch('ERR_TOKEN_ISSUER', 'iss', expected.issuer, grant.issuer);
  }
  if (!grant.clusters.includes(expected.cluster)) {
    throw mismatch('ERR_TOKEN_AUDIENCE', 'aud', expected.cluster, grant.clusters.join(', '));
  }
}

/**
 * Valid while nbf - 60 <= now < exp + 60: the skew counts on both sides, the first second is valid and the last is not.
 * @throws ERR_CLOCK_BEHIND, ERR_TOKEN_ISSUED_LATER, ERR_TOKEN_LIFETIME, ERR_TOKEN_NOT_YET_VALID, ERR_TOKEN_EXPIRED
 */
export function checkTime(grant: Grant, state: TokenState, { now, maxLifetime }: TimeRules): void {
  if (state.clockMark !== undefined) checkClock(state.clockMark, now);
  if (grant.issuedAt - CLOCK_SKEW > now)
    throw mismatch('ERR_TOKEN_ISSUED_LATER', 'iat', `at most ${formatInstant(now)}`, formatInstant(grant.issuedAt));
  if (grant.expiresAt === null) return;
  const lifetime = grant.expiresAt - grant.issuedAt;
  if (lifetime > maxLifetime) {
    throw mismatch('ERR_TOKEN_LIFETIME', 'exp', `at most ${formatDuration(maxLifetime)} after iat`, formatDuration(lifetime), {
      hint: 'mint it with a shorter --ttl, or raise token.max_lifetime in joinery.yaml',
    });
  }
  if (now < grant.notBefore - CLOCK_SKEW) {
    throw mismatch('ERR_TOKEN_NOT_YET_VALID', 'nbf', `at most ${formatInstant(now)}`, formatInstant(grant.notBefore));
  }
  if (now >= expiryOf(grant, state)) {
    throw mismatch('ERR_TOKEN_EXPIRED', 'exp', `later than ${formatInstant(now)}`, formatInstant(grant.expiresAt), {
      hint: 'mint a new token: joinery token mint',
    });
  }
}

/**
 * Refuses a clock that was set back behind what the realm has recorded, beyond the skew: it would revive what has expired.
 * @throws ERR_CLOCK_BEHIND
 */
export function checkClock(mark: Instant, now: Instant): void {
  if (now >= mark - CLOCK_SKEW) return;
  throw new JoineryError(
    'ERR_CLOCK_BEHIND',
    `clock: expected ${formatInstant(mark)} or later, which the realm has recorded, found ${formatInstant(now)}`,
    {
      hint: 'set the clock of this machine',
      details: { recorded: mark, found: now },
    },
  );
}

function checkBearer(grant: Grant, expected: Expectations): void {
  const { environment, node, keyThumbprint } = grant;
  if (differs(environment, expected.environment)) throw mismatch('ERR_TOKEN_ENVIRONMENT', 'env', expected.environment, environment);
  if (differs(grant.role, expected.role)) throw mismatch('ERR_TOKEN_ROLE', 'role', expected.role, grant.role);
  if (differs(node, expected.node)) throw mismatch('ERR_TOKEN_NODE', 'node', expected.node, node);
  if (differs(keyThumbprint, expected.keyThumbprint)) throw mismatch('ERR_TOKEN_KEY_BOUND', 'cnf', expected.keyThumbprint, keyThumbprint);
}

/** What the token does not bind and what the verifier does not know agrees with everything. */
function differs(claimed: string | undefined, known: string | undefined): boolean {
  return claimed !== undefined && known !== undefined && claimed !== known;
}

type MismatchCode =
  `ERR_TOKEN_${'ISSUER' | 'AUDIENCE' | 'ISSUED_LATER' | 'LIFETIME' | 'NOT_YET_VALID' | 'EXPIRED' | 'ENVIRONMENT' | 'ROLE' | 'NODE' | 'KEY_BOUND'}`;

function mismatch(code: MismatchCode, claim: string, expected: unknown, found: unknown, options: { hint?: string } = {}): JoineryError {
  return new JoineryError(code, `token claim ${claim}: expected ${String(expected)}, found ${String(found)}`, {
    ...options,
    details: { claim, expected, found },
  });
}

/** The bindings of a grant that a verifier with these expectations has not compared and still must. */
export function uncheckedOf(grant: Grant, expected: Expectations): readonly string[] {
  const bindings: Readonly<Record<string, readonly [unknown, unknown]>> = {
    issuer: [grant.issuer, expected.issuer],
    environment: [grant.environment, expected.environment],
    role: [grant.role, expected.role],
    node: [grant.node, expected.node],
    key: [grant.keyThumbprint, expected.keyThumbprint],
  };
  return Object.keys(bindings).filter((name) => {
    const [claimed, known] = bindings[name] as readonly [unknown, unknown];
    return claimed !== undefined && known === undefined;
  });
}
