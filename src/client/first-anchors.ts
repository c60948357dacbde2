/** First trust over the network: from a server that nothing proves yet, proved by the digest of its first manifest. */
import { manifestsPath, readOffers } from '../app/node-trust.ts';
import { canonicalBytes } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { concat, utf8 } from '../core/encoding.ts';
import { nodeLayout } from '../core/onboarding/layout.ts';
import type { Onboarding } from '../core/onboarding/model.ts';
import type { Files } from '../core/ports.ts';
import { chainDocument } from '../core/trust/chain.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { type KnownVersion, walkTrust } from '../core/trust/walk.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import type { ClientWorld } from './world.ts';

const MAX_CHAIN_BYTES = 8 * 1024 * 1024;

/**
 * Gets the chain of a purpose, and walks it from the manifest with the digest: what a man in the middle puts in its place has another
 * one. Nothing is sent but the request for it.
 * @returns one version at least, the one with the digest first.
 * @throws ERR_TRUST_DOWNLOAD, ERR_INPUT_TOO_LARGE, ERR_TRUST_FIRST_DIGEST and what the walk throws.
 */
async function firstVersions(
  world: ClientWorld,
  { server, base }: Endpoint,
  purpose: Purpose,
  firstDigest: Digest,
): Promise<readonly [KnownVersion, ...KnownVersion[]]> {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `https://${host}:${server.port}${base}/v1/trust/${purpose}`;
  const bytes = await world.download(url, { maxBytes: MAX_CHAIN_BYTES, trust: undefined });
  const offers = readOffers(bytes, url);
  const walk = walkTrust({ purpose, offers, known: undefined, firstDigest, now: world.clock.now(), verify: world.verifySignature });
  // On first contact a walk has one step at least.
  return walk.steps as readonly KnownVersion[] as readonly [KnownVersion, ...KnownVersion[]];
}

/** @returns PEM of the newest version's anchors of control-plane-https. @throws as {@link firstVersions} */
export async function firstAnchors(world: ClientWorld, endpoint: Endpoint, digest: Digest): Promise<string> {
  const versions = await firstVersions(world, endpoint, 'control-plane-https', digest);
  return (versions.at(-1) as KnownVersion).signed.manifest.bundle_pem;
}

/**
 * Brings the bundles and manifests of a package that only named them (`package render --trust url`): afterwards the node directory is
 * what a package with trust inside makes.
 * @throws as {@link firstVersions}, ERR_FILE_*
 */
export async function fetchNamedTrust(world: ClientWorld & { readonly files: Files }, onboarding: Onboarding): Promise<void> {
  const { trust_url: url, trust } = onboarding;
  if (url === undefined) return;
  const layout = nodeLayout(onboarding);
  for (const purpose of PURPOSES) {
    const manifests = manifestsPath(layout.trustState, purpose);
    if ((await world.files.stat(manifests)) !== undefined) continue;
    const [first] = await firstVersions(world, parseEndpoint(url), purpose, trust[purpose].manifest_digest);
    await world.files.replace(layout.bundles[purpose], utf8(first.signed.manifest.bundle_pem), 0o644);
    // Last: while it is missing, the next run fetches both again.
    await world.files.replace(manifests, concat(canonicalBytes(chainDocument([first.version])), utf8('\n')), 0o644);
  }
}
