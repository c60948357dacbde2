/** What a package may never hold, and what only with a reason that is written down. */
import { digestOf } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { Grant } from '../token/grant.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { nodeLayout, reservedPaths } from './layout.ts';
import type { Onboarding, TrustParts } from './model.ts';
import type { Gunzip } from './limits.ts';
import { findPrivateKey } from './private-keys.ts';
import { hostOfUrl } from './values.ts';

/** Longest life in seconds of a token that lies in user-data, where copies of it survive (24 h). */
const MAX_PACKAGE_TOKEN_LIFETIME = 86400;

/** Where a URL's host stands to the environment's domain: in it, under its parent (`boot.example.internal` beside `control.example.internal`), or elsewhere. */
export type UrlPlace = 'inside' | 'beside' | 'outside';

export function placeOfUrl(url: string, domain: string): UrlPlace {
  const host = hostOfUrl(url);
  const within = (parent: string): boolean => host === parent || host.endsWith(`.${parent}`);
  if (within(domain)) return 'inside';
  const parent = domain.slice(domain.indexOf('.') + 1);
  // A parent of one label is a top-level domain: everybody's.
  return parent.includes('.') && parent !== domain && within(parent) ? 'beside' : 'outside';
}

/** Every URL of the package, once. */
function urlsOf({ api_url: api, join_urls: join, trust_url: trust }: Onboarding): readonly string[] {
  return [...new Set([api, ...join, ...(trust === undefined ? [] : [trust])])];
}

export function urlsAt(onboarding: Onboarding, place: UrlPlace): readonly string[] {
  return urlsOf(onboarding).filter((url) => placeOfUrl(url, onboarding.environment.domain) === place);
}

/**
 * A token or a node certificate request must not go to another environment by a slip of the keyboard.
 * @param allowed URLs that the operator allowed with a reason.
 * @throws ERR_PACKAGE_URL
 */
export function assertUrls(onboarding: Onboarding, allowed: readonly string[]): void {
  const wrong = urlsAt(onboarding, 'outside').filter((url) => !allowed.includes(url));
  if (wrong.length === 0) return;
  const { domain } = onboarding.environment;
  throw new JoineryError('ERR_PACKAGE_URL', `--join-url: expected a host in ${domain} or beside it, found ${wrong.join(', ')}`, {
    hint: 'correct the URL, or give --allow-url-outside-domain with the reason, which the package records',
    details: { domain, urls: wrong },
  });
}

/** Why a token may be more than one node's for an hour; the reasons stand in the package. */
export interface TokenAllowance {
  readonly multi_use?: string;
  readonly long_lived?: string;
}

/** Used once, by one node, soon: copies of user-data outlive the file on the node. @throws ERR_PACKAGE_TOKEN */
export function assertToken(grant: Pick<Grant, 'maxUses' | 'issuedAt' | 'expiresAt'>, allowed: TokenAllowance = {}): void {
  const { maxUses, issuedAt, expiresAt } = grant;
  if (maxUses !== 1 && allowed.multi_use === undefined)
    throw tokenError('a token with one use', maxUses === null ? 'one without a limit' : `one with ${maxUses} uses`, '--allow-multi-use');
  // An end, every package token has: the manifest says when it is over.
  if (expiresAt === null) throw tokenError('a token that expires', 'one that does not', '--ttl');
  const lifetime = expiresAt - issuedAt;
  if (lifetime > MAX_PACKAGE_TOKEN_LIFETIME && allowed.long_lived === undefined)
    throw tokenError('a token of at most 24 h', `one of ${lifetime} seconds`, '--allow-long-lived');
}

function tokenError(expected: string, found: string, flag: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_TOKEN', `token: expected ${expected} in an onboarding package, found ${found}`, {
    hint: `mint one token for each node: copies of user-data outlive the file on the node; otherwise ${flag}`,
  });
}

/** Every file has a place of its own, the two trust files first of all, and none lies where another has its directory. @throws ERR_PACKAGE_PATH */
export function assertPaths(onboarding: Onboarding): void {
  const layout = nodeLayout(onboarding);
  const [https, nodeCert] = PURPOSES.map((purpose) => layout.bundles[purpose]);
  if (https === nodeCert) {
    throw new JoineryError('ERR_PACKAGE_PATH', `expected the trust of ${PURPOSES.join(' and ')} in two files, found one: ${https}`);
  }
  const paths = reservedPaths(onboarding);
  for (const [index, path] of paths.entries()) {
    const clash = paths.find((other, at) => at !== index && (other === path || other.startsWith(`${path}/`)));
    if (clash !== undefined) throw new JoineryError('ERR_PACKAGE_PATH', `expected a place of its own for ${path}, found ${clash} there`);
  }
}

/** The system trust store takes certificates, and those that are there: a bundle that the node has yet to fetch cannot be in it. @throws ERR_PACKAGE_SYSTEM_TRUST */
export function assertSystemTrust({ system_trust_store: store, trust_url: url }: Onboarding): void {
  if (store === undefined || url === undefined) return;
  throw new JoineryError('ERR_PACKAGE_SYSTEM_TRUST', '--system-trust-store: expected --trust embedded, found --trust url');
}

/** The bundle on disk is the bundle of the fingerprint. @throws ERR_PACKAGE_TRUST */
export function assertFingerprints(onboarding: Onboarding, trust: TrustParts): void {
  for (const purpose of PURPOSES) {
    const expected = onboarding.trust[purpose].sha256_fingerprint;
    const found = digestOf(utf8(trust[purpose].bundlePem));
    if (found !== expected) {
      throw new JoineryError('ERR_PACKAGE_TRUST', `${purpose}: expected a bundle with SHA-256 ${expected}, found ${found}`);
    }
  }
}

/** @throws ERR_PACKAGE_PRIVATE_KEY naming the file */
export function assertNoPrivateKey(files: readonly { readonly path: string; readonly bytes: Uint8Array }[], gunzip: Gunzip): void {
  for (const { path, bytes } of files) {
    const found = findPrivateKey(bytes, gunzip);
    if (found === undefined) continue;
    throw new JoineryError('ERR_PACKAGE_PRIVATE_KEY', `${path}: expected no private key in an onboarding package, found ${found}`, {
      hint: 'a node makes its own key; replace the key that was about to leave, and look for where it came from',
    });
  }
}
