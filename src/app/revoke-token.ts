/** Revokes one token, or every token so far of one node. */
import { isDigest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { isUuid, parseName } from '../core/names.ts';
import type { StoreCheck, StoreWrite } from '../core/ports.ts';
import { formatInstant, type Instant, plus } from '../core/time.ts';
import type { TokenFormat } from '../core/token/grant.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime } from './token-keys.ts';
import { findToken } from './token-records.ts';
import { moveClockMark, nodeWatermarkKey, revocationKey, type TokenName, tokenNotFound, untilOf } from './token-state.ts';

/** As the record of a revocation holds it. */
const MAX_REASON = 1024;

const isShort = (id: string): boolean => /^[a-z0-9]{6}$/.test(id);

/** The ids of each dialect. */
const IS_ID: Readonly<Record<TokenFormat, (id: string) => boolean>> = {
  jwt: isUuid,
  omnirelay: isUuid,
  secure: isDigest,
  k3s: (id) => isDigest(id) || isShort(id),
  kubeadm: isShort,
};

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
 * @throws ERR_TOKEN_NOT_FOUND for an id that is neither registered nor one that a token of the format can have, ERR_INPUT_MALFORMED,
 * ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT
 */
export async function revokeToken(realm: Realm, input: RevokeTokenInput): Promise<RevokeTokenResult> {
  const { reason } = input;
  // Every id is lower case; OmniRelay's tools show GUIDs in either.
  const id = input.id.toLowerCase();
  if (reason !== undefined && reason.length > MAX_REASON)
    throw new JoineryError('ERR_INPUT_MALFORMED', `--reason: expected at most ${MAX_REASON} characters, found ${reason.length}`);
  const { token, until, registered } = await locate(realm, { ...input, id });
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
  // A slip must not look like a revocation: what is not registered has to be an id that a token can have, of a time still to come.
  if (!IS_ID[format](id)) throw tokenNotFound(id);
  const now = realm.clock.now();
  const expiresAt = input.expiresAt ?? plus(now, maxTokenLifetime(realm.config));
  if (expiresAt <= now)
    throw new JoineryError('ERR_INPUT_MALFORMED', `--exp: expected later than ${formatInstant(now)}, found ${formatInstant(expiresAt)}`);
  if (format === 'omnirelay' && input.issuer === undefined)
    throw new JoineryError('ERR_INPUT_MALFORMED', '--issuer: expected the issuer in the omnirelay token, found none');
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
