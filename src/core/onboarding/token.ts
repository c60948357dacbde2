/** The token inside a package, read without a key: what it grants, and whether that fits the package. */
import { JoineryError } from '../errors.ts';
import { formatInstant, type Instant } from '../time.ts';
import { parseClaims, type TokenClaims } from '../token/claims.ts';
import { type Grant, grantOfClaims } from '../token/grant.ts';
import { parseCompact } from '../token/jwt.ts';
import { PURPOSES } from '../trust/purpose.ts';
import type { Secret } from '../secret.ts';
import type { Onboarding } from './model.ts';
import { assertToken, type TokenAllowance } from './rules.ts';

function claimsOf(token: Secret): TokenClaims {
  return parseClaims(parseCompact(token.reveal()).payload).claims;
}

/** @throws ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS, ERR_TOKEN_TOO_LARGE */
export function grantOfToken(token: Secret): Grant {
  return grantOfClaims(claimsOf(token));
}

/**
 * The token has one use and a short life, is for this cluster, role and node, names these trust manifests, and has not expired.
 * Its signature is the server's to check, or the realm's (`package verify --realm`).
 * @param token none where it reaches the node by another way and the package does not bring it either.
 * @returns a sentence about it.
 * @throws ERR_PACKAGE_TOKEN, ERR_TOKEN_AUDIENCE, ERR_TOKEN_ROLE, ERR_TOKEN_NODE, ERR_TOKEN_ENVIRONMENT, ERR_TOKEN_EXPIRED, ERR_PACKAGE_TRUST
 *   and what {@link grantOfToken} throws.
 */
export function checkPackageToken(token: Secret | undefined, onboarding: Onboarding, now: Instant, allowed?: TokenAllowance): string {
  if (token === undefined) return 'no token: it reaches the node by another way';
  const claims = claimsOf(token);
  const grant = grantOfClaims(claims);
  assertToken(grant, allowed);
  assertFits(grant, onboarding);
  for (const purpose of PURPOSES) {
    const named = claims.trust?.[purpose];
    const { manifest_digest: embedded } = onboarding.trust[purpose];
    if (named !== undefined && named !== embedded) {
      throw new JoineryError(
        'ERR_PACKAGE_TRUST',
        `token: trust: ${purpose}: expected the manifest of the package ${embedded}, found ${named}`,
      );
    }
  }
  const end = grant.expiresAt as Instant;
  if (end <= now)
    throw new JoineryError('ERR_TOKEN_EXPIRED', `token: expected an end after ${formatInstant(now)}, found ${formatInstant(end)}`);
  return `${grant.format} ${grant.id}, ${usesText(grant)}, until ${formatInstant(end)}`;
}

/** A `jwt` token always counts its uses. */
export function usesText({ maxUses }: Pick<Grant, 'maxUses'>): string {
  return maxUses === 1 ? 'one use' : `${maxUses} uses`;
}

function assertFits(grant: Grant, { cluster, role, node, environment }: Onboarding): void {
  if (!grant.clusters.includes(cluster)) throw misfit('ERR_TOKEN_AUDIENCE', 'cluster', cluster, grant.clusters.join(', '));
  if (grant.role !== role) throw misfit('ERR_TOKEN_ROLE', 'role', role, grant.role);
  if (grant.node !== node) throw misfit('ERR_TOKEN_NODE', 'node', node ?? 'none', grant.node ?? 'none');
  const wrong = grant.environment !== undefined && grant.environment !== environment.name ? grant.environment : undefined;
  if (wrong !== undefined) throw misfit('ERR_TOKEN_ENVIRONMENT', 'environment', environment.name, wrong);
}

function misfit(
  code: 'ERR_TOKEN_AUDIENCE' | 'ERR_TOKEN_ROLE' | 'ERR_TOKEN_NODE' | 'ERR_TOKEN_ENVIRONMENT',
  what: string,
  expected: string,
  found: string,
) {
  return new JoineryError(code, `token: ${what}: expected ${expected}, found ${found}`);
}
