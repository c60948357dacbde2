/** The token inside a package, read without a key: what it grants, and whether that fits the package. */
import { JoineryError } from '../errors.ts';
import { formatInstant, type Instant } from '../time.ts';
import { parseClaims, type TokenClaims } from '../token/claims.ts';
import { type Grant, grantOfClaims } from '../token/grant.ts';
import { parseCompact } from '../token/jwt.ts';
import { PURPOSES } from '../trust/purpose.ts';
import type { PackageModel } from './model.ts';
import { assertToken } from './rules.ts';

function claimsOf(model: PackageModel): TokenClaims | undefined {
  return model.token && parseClaims(parseCompact(model.token.reveal()).payload).claims;
}

/** @returns undefined without a token. @throws ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS, ERR_TOKEN_TOO_LARGE */
export function grantOfPackage(model: PackageModel): Grant | undefined {
  const claims = claimsOf(model);
  return claims && grantOfClaims(claims);
}

/**
 * The token has one use and a short life, is for this cluster, role and node, names these trust manifests, and has not expired.
 * Its signature is the server's to check, or the realm's (`package verify --realm`).
 * @returns a sentence about it.
 * @throws ERR_PACKAGE_TOKEN, ERR_TOKEN_AUDIENCE, ERR_TOKEN_ROLE, ERR_TOKEN_NODE, ERR_TOKEN_ENVIRONMENT, ERR_TOKEN_EXPIRED, ERR_PACKAGE_TRUST
 *   and what {@link grantOfPackage} throws.
 */
export function checkPackageToken(model: PackageModel, now: Instant): string {
  const claims = claimsOf(model);
  if (claims === undefined) return 'no token: it reaches the node by another way';
  const grant = grantOfClaims(claims);
  assertToken(grant);
  assertFits(grant, model);
  for (const purpose of PURPOSES) {
    const named = claims.trust?.[purpose];
    const { manifest_digest: embedded } = model.onboarding.trust[purpose];
    if (named !== undefined && named !== embedded) {
      throw new JoineryError('ERR_PACKAGE_TRUST', `token: trust: ${purpose}: expected the embedded manifest ${embedded}, found ${named}`);
    }
  }
  const end = grant.expiresAt as Instant;
  if (end <= now)
    throw new JoineryError('ERR_TOKEN_EXPIRED', `token: expected an end after ${formatInstant(now)}, found ${formatInstant(end)}`);
  return `${grant.format} ${grant.id}, one use, until ${formatInstant(end)}`;
}

function assertFits(grant: Grant, { onboarding }: PackageModel): void {
  const { cluster, role, node, environment } = onboarding;
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
