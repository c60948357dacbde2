/** The anchors of a server that is known by the digest of its first trust manifest only. */
import { readOffers } from '../app/node-trust.ts';
import type { Digest } from '../core/digest.ts';
import { walkTrust } from '../core/trust/walk.ts';
import type { Endpoint } from './endpoint.ts';
import type { ClientWorld } from './world.ts';

const MAX_CHAIN_BYTES = 8 * 1024 * 1024;

/**
 * Gets the chain of control-plane-https from a server that nothing proves yet, and walks it from the manifest with the digest: what
 * a man in the middle puts in its place has another one. Nothing is sent but the request for it.
 * @returns PEM of the newest version's anchors.
 * @throws ERR_TRUST_DOWNLOAD, ERR_INPUT_TOO_LARGE, ERR_TRUST_FIRST_DIGEST and what the walk throws.
 */
export async function firstAnchors(world: ClientWorld, { server, base }: Endpoint, digest: Digest): Promise<string> {
  const host = server.host.includes(':') ? `[${server.host}]` : server.host;
  const url = `https://${host}:${server.port}${base}/v1/trust/control-plane-https`;
  const bytes = await world.download(url, { maxBytes: MAX_CHAIN_BYTES, trust: undefined });
  const { steps } = walkTrust({
    purpose: 'control-plane-https',
    offers: readOffers(bytes, url),
    known: undefined,
    firstDigest: digest,
    now: world.clock.now(),
    verify: world.verifySignature,
  });
  // On first contact a walk has one step at least.
  const [newest] = steps.slice(-1) as [(typeof steps)[number]];
  return newest.signed.manifest.bundle_pem;
}
