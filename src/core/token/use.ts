/** Whether a token may be used now, by whom it was used before, and what a repeated request means (FORMATS 1, "Use"). */
import type { ErrorCode } from '../errors.ts';
import type { Instant } from '../time.ts';
import type { Grant } from './grant.ts';

/** Clocks of issuer and verifier may differ by this many seconds. */
export const CLOCK_SKEW = 60;

/** A node whose reply was lost may ask again for this many seconds after `exp`. */
export const SAME_REQUEST_GRACE = 3600;

/** One use: who it was, for which node and role. The key thumbprint (RFC 7638 for JWT keys, SPKI pin otherwise) names the record. */
export interface UseRecord {
  readonly node: string;
  readonly role: string;
  readonly usedAt: Instant;
}

export interface UseRequest {
  /** Of the key in the CSR. */
  readonly keyThumbprint: string;
  readonly node: string;
  readonly role: string;
}

/** What the realm remembers of a token. */
export interface TokenState {
  /** The latest time that the realm has recorded: a clock behind it would revive expired tokens. */
  readonly clockMark?: Instant;
  /** Tokens issued earlier are refused: the realm was restored, or every token of the node was revoked. */
  readonly notBefore?: Instant;
  readonly revoked: boolean;
  /** Uses by any key. */
  readonly used: number;
  /** The use by the very key that asks now. */
  readonly sameKey?: UseRecord;
}

export const UNUSED: TokenState = { revoked: false, used: 0 };

export type UseDecision = 'accepted' | 'same-request' | 'expired' | 'revoked' | 'superseded' | 'conflict' | 'replayed' | 'exhausted';

/** The error of each refusal. */
export const USE_ERRORS = {
  expired: 'ERR_TOKEN_EXPIRED',
  revoked: 'ERR_TOKEN_REVOKED',
  superseded: 'ERR_TOKEN_SUPERSEDED',
  conflict: 'ERR_TOKEN_USE_CONFLICT',
  replayed: 'ERR_TOKEN_REPLAYED',
  exhausted: 'ERR_TOKEN_EXHAUSTED',
} as const satisfies Record<Exclude<UseDecision, 'accepted' | 'same-request'>, ErrorCode>;

/** First instant at which the token is refused: `exp` + skew, or later for a key that used it in time and asks again. */
export function expiryOf(grant: Grant, state: TokenState): number {
  if (grant.expiresAt === null) return Infinity;
  return grant.expiresAt + (state.sameKey === undefined ? CLOCK_SKEW : SAME_REQUEST_GRACE);
}

/**
 * Decides one use.
 * @param request absent: nobody asks for a use yet, the question is whether one is left.
 */
export function decideUse(grant: Grant, state: TokenState, request: UseRequest | undefined, now: Instant): UseDecision {
  if (now >= expiryOf(grant, state)) return 'expired';
  if (state.revoked) return 'revoked';
  if (state.notBefore !== undefined && grant.issuedAt < state.notBefore) return 'superseded';
  if (request !== undefined && state.sameKey !== undefined) {
    return state.sameKey.node === request.node && state.sameKey.role === request.role ? 'same-request' : 'conflict';
  }
  if (grant.maxUses === null || state.used < grant.maxUses) return 'accepted';
  return grant.maxUses === 1 ? 'replayed' : 'exhausted';
}
