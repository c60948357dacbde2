/** Tokens and their keys as people and programs read them. */
import type { ListedToken } from '../../app/list-tokens.ts';
import type { TokenKeyInfo } from '../../app/token-keys.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { formatDuration, formatInstant, type Instant } from '../../core/time.ts';
import type { TokenClaims } from '../../core/token/claims.ts';
import { type Grant, grantOfClaims } from '../../core/token/grant.ts';
import { fields, table } from './text.ts';

export interface SignedBy {
  readonly algorithm: string;
  readonly kid?: string;
}

/** The claims in the order in which one asks about them. */
export function tokenFields(claims: TokenClaims, { algorithm, kid }: SignedBy): string {
  const grant = grantOfClaims(claims);
  const labels = Object.entries(grant.labels).map(([key, value]) => `${key}=${value}`);
  return fields({
    id: claims.jti,
    issuer: claims.iss,
    cluster: grant.clusters.join(', '),
    role: claims.role,
    environment: grant.environment,
    node: grant.node === undefined ? undefined : `${grant.node}${grant.allowReentry ? ' (may re-enter)' : ''}`,
    key: grant.keyThumbprint,
    labels: labels.length === 0 ? undefined : labels.join(', '),
    'valid from': formatInstant(grant.notBefore),
    'valid until': `${formatInstant(claims.exp as Instant)} (${formatDuration(claims.exp - grant.notBefore)})`,
    uses: grant.maxUses ?? undefined,
    signed: kid === undefined ? algorithm : `${algorithm}, key ${kid}`,
  });
}

export function tokenData(claims: TokenClaims, { algorithm, kid }: SignedBy): JsonObject {
  return { id: claims.jti, format: 'jwt', algorithm, ...(kid !== undefined && { kid }), claims: { ...claims } as JsonObject };
}

export function tokenKeyData(key: TokenKeyInfo): JsonObject {
  return {
    kid: key.kid,
    algorithm: key.algorithm,
    custody: key.custody,
    state: key.state,
    created_at: formatInstant(key.createdAt),
    ...(key.verifiesUntil !== undefined && { verifies_until: formatInstant(key.verifiesUntil) }),
  };
}

export function tokenKeyTable(keys: readonly TokenKeyInfo[]): string {
  const rows = keys.map((key) => [
    key.kid,
    key.algorithm,
    key.custody,
    key.state,
    formatInstant(key.createdAt),
    key.verifiesUntil === undefined ? '-' : formatInstant(key.verifiesUntil),
  ]);
  return table(['KID', 'ALGORITHM', 'CUSTODY', 'STATE', 'CREATED', 'VERIFIES UNTIL'], rows);
}

/** A registered token as it stands now. */
export function grantData({ grant, status, used }: ListedToken): JsonObject {
  return {
    id: grant.id,
    format: grant.format,
    status,
    clusters: grant.clusters,
    role: grant.role,
    node: grant.node,
    labels: grant.labels,
    not_before: formatInstant(grant.notBefore),
    expires_at: grant.expiresAt === null ? null : formatInstant(grant.expiresAt),
    used,
    max_uses: grant.maxUses,
  };
}

export function grantTable(tokens: readonly ListedToken[]): string {
  const rows = tokens.map(({ grant, status, used }) => [
    grant.id,
    grant.format,
    status,
    grant.clusters.join(','),
    grant.role,
    grant.node ?? '-',
    `${used}/${grant.maxUses ?? '∞'}`,
    grant.expiresAt === null ? 'never' : formatInstant(grant.expiresAt),
  ]);
  return table(['ID', 'FORMAT', 'STATUS', 'CLUSTER', 'ROLE', 'NODE', 'USED', 'UNTIL'], rows);
}

/** What a token of a dialect other than `jwt` grants, and the pin that goes beside it. */
export function mintedData(grant: Grant, pin?: string): JsonObject {
  const { format, id, issuer, clusters, role, node, labels, maxUses, expiresAt } = grant;
  const end = expiresAt === null ? null : formatInstant(expiresAt);
  return { id, format, issuer, clusters, role, node, labels, max_uses: maxUses, expires_at: end, ...(pin !== undefined && { pin }) };
}

export function mintedFields(grant: Grant, pin?: string): string {
  return fields({
    id: grant.id,
    format: grant.format,
    cluster: grant.clusters.join(', '),
    role: grant.role,
    node: grant.node,
    'valid until': grant.expiresAt === null ? 'revoked' : formatInstant(grant.expiresAt),
    uses: grant.maxUses ?? 'unlimited',
    'CA key pin': pin,
  });
}
