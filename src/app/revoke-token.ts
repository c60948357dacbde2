/** Revokes one token, or every token so far of one node. */
import { isUuid, parseName } from '../core/names.ts';
import type { StoreCheck, StoreWrite } from '../core/ports.ts';
import { type Instant, plus } from '../core/time.ts';
import type { TokenFormat } from '../core/token/grant.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime } from './token-keys.ts';
import { findToken } from './token-records.ts';
import { moveClockMark, nodeWatermarkKey, revocationKey, type TokenName, tokenNotFound, untilOf } from './token-state.ts';

export interface RevokeTokenInput {
  /** jti, tokenId, sha256 of the raw secret, or kubeadm id. */
  readonly id: string;
  readonly reason?: string;
  /** Of a token that the realm did not register (stateless minting): when it ends. Default: the longest life from now. */
  readonly expiresAt?: Instant;
  /** Of a token that the realm did not register. Default: `jwt`, and this realm. */
  readonly format?: TokenFormat;
  readonly issuer?: string;
}

export interface RevokeTokenResult {
  readonly id: string;
  readonly format: TokenFormat;
  /** False when the realm never saw the token: its id is denied nevertheless. */
  readonly registered: boolean;
  /** True when it was revoked before; then nothing was written. */
  readonly already: boolean;
}

/**
 * Revokes a token by its id, registered or not.
 * @throws ERR_TOKEN_NOT_FOUND for an id that is neither registered nor a UUID, unless a format is named; ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT
 */
export async function revokeToken(realm: Realm, input: RevokeTokenInput): Promise<RevokeTokenResult> {
  const { id, reason } = input;
  const { token, until, registered } = await locate(realm, input);
  const key = revocationKey(token);
  const result = { id, format: token.format, registered };
  if ((await realm.store.get(key)) !== undefined) return { ...result, already: true };
  const now = realm.clock.now();
  await commit(realm.store, {
    checks: [{ key, version: 'absent' }],
    writes: [revocationWrite(token, now, until, reason), ...(await moveClockMark(realm.store, now))],
    audit: [
      auditEvent(realm, {
        event: 'token.revoke',
        subject: id,
        ...(reason !== undefined && { reason }),
        details: { format: token.format, registered },
      }),
    ],
  });
  return { ...result, already: false };
}

export function revocationWrite(token: TokenName, now: Instant, until: { readonly until?: number }, reason?: string): StoreWrite {
  return { key: revocationKey(token), value: { revoked_at: now, reason, ...until } };
}

async function locate(realm: Realm, input: RevokeTokenInput) {
  const { id, format = 'jwt', issuer = issuerOf(realm.config) } = input;
  const stored = await findToken(realm.store, id);
  if (stored !== undefined) return { token: stored.grant, until: untilOf(stored.grant), registered: true };
  // A slip in an id must not look like a revocation: what is not registered has to look like an id at least.
  if (input.format === undefined && !isUuid(id)) throw tokenNotFound(id);
  const expiresAt = input.expiresAt ?? plus(realm.clock.now(), maxTokenLifetime(realm.config));
  return { token: { format, issuer, id }, until: untilOf({ expiresAt }), registered: false };
}

/**
 * Revokes every token issued up to now for a node, or used in its name: a watermark, so that no id need be known.
 * @returns the first instant of issue that is accepted again.
 * @throws ERR_INPUT_MALFORMED, ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT
 */
export async function revokeTokensOfNode(
  realm: Realm,
  input: { readonly node: string; readonly reason?: string },
): Promise<{ readonly notBefore: Instant }> {
  const node = parseName(input.node, '--all-for');
  const key = nodeWatermarkKey(node);
  const now = realm.clock.now();
  const before = await realm.store.get(key);
  const notBefore = plus(now, 1);
  const check: StoreCheck = { key, version: before?.version ?? 'absent' };
  await commit(realm.store, {
    checks: [check],
    writes: [{ key, value: { not_before: notBefore } }, ...(await moveClockMark(realm.store, now))],
    audit: [
      auditEvent(realm, {
        event: 'token.revoke',
        subject: node,
        ...(input.reason !== undefined && { reason: input.reason }),
        details: { all_for_node: true, not_before: notBefore },
      }),
    ],
  });
  return { notBefore };
}
