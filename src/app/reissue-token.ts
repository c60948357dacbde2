import { JoineryError } from '../core/errors.ts';
import type { Pin } from '../core/digest.ts';
import type { Seconds } from '../core/time.ts';
import { clustersOf, type TokenClaims } from '../core/token/claims.ts';
import { type MintTokenInput, type MintTokenResult, prepareToken } from './mint-token.ts';
import { commit, auditEvent, type Realm } from './realm.ts';
import { findToken, type StoredToken } from './token-records.ts';
import { revocationKey, tokenNotFound, untilOf } from './token-state.ts';
import { revocationWrite } from './revoke-token.ts';

export interface ReissueTokenInput extends Pick<MintTokenInput, 'kid' | 'signer' | 'ttl'> {
  readonly id: string;
}

/**
 * Revokes a `jwt` token and mints another with the same bindings, in one commit: there is no moment with both or neither.
 * @throws ERR_TOKEN_NOT_FOUND, ERR_TOKEN_REVOKED, and those of {@link prepareToken}.
 */
export async function reissueToken(realm: Realm, input: ReissueTokenInput): Promise<MintTokenResult> {
  const { id, ...signing } = input;
  const { grant, claims } = await findSigned(realm, id);
  const key = revocationKey(grant);
  if ((await realm.store.get(key)) !== undefined) {
    throw new JoineryError('ERR_TOKEN_REVOKED', `token ${id}: expected one that is not revoked, found it revoked`, {
      hint: 'mint a new token: joinery token mint',
    });
  }
  const { result, change } = await prepareToken(realm, { ...requestOf(claims), ...signing });
  const reason = `reissued as ${result.claims.jti}`;
  await commit(realm.store, {
    checks: [...change.checks, { key, version: 'absent' }],
    writes: [...change.writes, revocationWrite(grant, realm.clock.now(), untilOf(grant), reason)],
    audit: [
      auditEvent(realm, { event: 'token.revoke', subject: id, reason, details: { format: 'jwt', registered: true } }),
      ...change.audit,
    ],
  });
  return result;
}

async function findSigned(realm: Realm, id: string): Promise<Required<Omit<StoredToken, 'sha256'>>> {
  const stored = await findToken(realm.store, id);
  if (stored?.claims === undefined) throw tokenNotFound(id);
  return { grant: stored.grant, claims: stored.claims };
}

/** The request that the claims answered; the times begin anew, the trust digests are those of now. */
function requestOf(claims: TokenClaims): MintTokenInput {
  const { role, node, labels, cnf, pins, urls, max_uses: maxUses = 1, allow_reentry: allowReentry = false } = claims;
  return {
    clusters: clustersOf(claims),
    role,
    ttl: (claims.exp - (claims.nbf ?? claims.iat)) as Seconds,
    maxUses,
    allowReentry,
    ...(node !== undefined && { node }),
    ...(labels !== undefined && { labels }),
    ...(cnf !== undefined && { keyThumbprint: cnf.jkt }),
    ...(pins !== undefined && { pins: pins as readonly Pin[] }),
    ...(urls !== undefined && { urls }),
  };
}
