/** What a join goes by: flags before the package, the package before the token; whoever was named more than once must agree. */
import type { Onboarding } from '../core/onboarding/model.ts';
import { nodeLayout } from '../core/onboarding/layout.ts';
import type { Digest, Pin } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { clustersOf, parseClaims, type TokenClaims } from '../core/token/claims.ts';
import { detectFormat } from '../core/token/format.ts';
import { parseCompact } from '../core/token/jwt.ts';
import { pinOfToken } from '../core/token/pin.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { ServerTrust } from './server-trust.ts';

/** What the person or script said. */
export interface JoinWishes {
  readonly urls: readonly string[];
  readonly pins: readonly Pin[];
  readonly trustDigests: Partial<Record<Purpose, Digest>>;
  readonly cluster?: string | undefined;
  readonly role?: string | undefined;
  readonly node?: string | undefined;
}

export interface JoinPlan {
  readonly urls: readonly string[];
  readonly trust: ServerTrust;
  readonly firstDigests: Partial<Record<Purpose, Digest>>;
  readonly cluster: string | undefined;
  readonly role: string | undefined;
  readonly node: string | undefined;
  readonly environment: { readonly environment_name?: string; readonly environment_domain?: string };
}

export interface PlanInput {
  readonly wishes: JoinWishes;
  readonly onboarding: Onboarding | undefined;
  readonly token: Secret;
  /** Of the node directory, where it holds trust already. */
  readonly known: ServerTrust | undefined;
}

/**
 * The token is read, not verified: its holder goes by what he was handed.
 * @throws ERR_NODE_NO_URL, ERR_PIN_NONE, ERR_TRUST_FIRST_DIGEST, ERR_TOKEN_AUDIENCE, ERR_TOKEN_NODE, ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS
 */
export function planJoin({ wishes, onboarding, token, known }: PlanInput): JoinPlan {
  const claims = claimsOf(token);
  const urls = firstNonEmpty(wishes.urls, onboarding?.join_urls, claims?.urls);
  if (urls === undefined) {
    throw new JoineryError('ERR_NODE_NO_URL', '--url: expected the URL of a bootstrap server, found none', {
      hint: 'neither a package nor the token names one',
    });
  }
  const firstDigests = digestsOf(wishes, claims);
  const { cluster, role, node } = whoOf(wishes, onboarding, claims);
  const { name, domain } = onboarding?.environment ?? { name: claims?.env };
  return {
    urls,
    trust: serverTrust(wishes.pins, known, token, firstDigests),
    firstDigests: known === undefined ? requireDigests(firstDigests) : firstDigests,
    cluster,
    role,
    node,
    environment: { ...(name !== undefined && { environment_name: name }), ...(domain !== undefined && { environment_domain: domain }) },
  };
}

/** Where the package has put its token. */
export function tokenPathOf(onboarding: Onboarding | undefined): string | undefined {
  return onboarding && nodeLayout(onboarding).token;
}

function claimsOf(token: Secret): TokenClaims | undefined {
  const text = token.reveal();
  return detectFormat(text) === 'jwt' ? parseClaims(parseCompact(text).payload).claims : undefined;
}

function firstNonEmpty<T>(...lists: readonly (readonly T[] | undefined)[]): readonly T[] | undefined {
  return lists.find((list) => list !== undefined && list.length > 0);
}

function digestsOf({ trustDigests }: JoinWishes, claims: TokenClaims | undefined): Partial<Record<Purpose, Digest>> {
  const named = PURPOSES.map((purpose) => [purpose, trustDigests[purpose] ?? claims?.trust?.[purpose]] as const);
  return Object.fromEntries(named.filter(([, digest]) => digest !== undefined)) as Partial<Record<Purpose, Digest>>;
}

function requireDigests(digests: Partial<Record<Purpose, Digest>>): Partial<Record<Purpose, Digest>> {
  const missing = PURPOSES.find((purpose) => digests[purpose] === undefined);
  if (missing === undefined) return digests;
  throw new JoineryError('ERR_TRUST_FIRST_DIGEST', `--trust-digest: expected the digest of the first manifest for ${missing}, found none`, {
    hint: 'it comes with an onboarding package, in a jwt of a realm with active trust, or from the operator (joinery trust list)',
  });
}

function whoOf(wishes: JoinWishes, onboarding: Onboarding | undefined, claims: TokenClaims | undefined) {
  const named = { ...onboarding, ...defined({ cluster: wishes.cluster, role: wishes.role, node: wishes.node }) };
  const cluster = named.cluster ?? soleCluster(claims);
  if (claims === undefined) return { cluster, node: named.node, role: named.role };
  const node = named.node ?? claims.node;
  assertFits(claims, cluster, node);
  return { cluster, node, role: named.role ?? claims.role };
}

function defined(wishes: Readonly<Record<'cluster' | 'role' | 'node', string | undefined>>) {
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)) as Partial<typeof wishes>;
}

/** Told here what the server would refuse: a token that is for another place was handed to the wrong node. */
function assertFits(claims: TokenClaims, cluster: string | undefined, node: string | undefined): void {
  const clusters = clustersOf(claims);
  if (cluster !== undefined && !clusters.includes(cluster)) {
    throw new JoineryError('ERR_TOKEN_AUDIENCE', `token: expected one for cluster ${cluster}, found one for ${clusters.join(', ')}`);
  }
  if (claims.node !== undefined && node !== claims.node)
    throw new JoineryError('ERR_TOKEN_NODE', `token: expected one for node ${String(node)}, found one for ${claims.node}`);
}

function soleCluster(claims: TokenClaims | undefined): string | undefined {
  const [cluster, ...others] = claims === undefined ? [] : clustersOf(claims);
  return others.length === 0 ? cluster : undefined;
}

/** What somebody says now, then what the node trusts already, then what the token pins, then the digest of the first manifest. */
function serverTrust(
  pins: readonly Pin[],
  known: ServerTrust | undefined,
  token: Secret,
  digests: Partial<Record<Purpose, Digest>>,
): ServerTrust {
  if (pins.length > 0) return { kind: 'pin', pin: { kind: 'key', pins } };
  if (known !== undefined) return known;
  const pin = pinOfToken(token.reveal());
  if (pin !== undefined) return { kind: 'pin', pin };
  const digest = digests['control-plane-https'];
  if (digest !== undefined) return { kind: 'manifest', digest };
  throw new JoineryError('ERR_PIN_NONE', 'token: expected a pin of the server or a digest of its trust in it, found neither', {
    hint: 'name what came beside the token: --pin sha256:HEX, or --trust-digest control-plane-https=HEX',
  });
}
