/** How the client knows the server: by anchors, by a pin, or by the digest of the first trust manifest. Never by the system store. */
import { firstAnchors } from './first-anchors.ts';
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { ServerAddress } from '../core/key-ports.ts';
import { checkPinnedChain, type PresentedChain, type ServerPin } from '../core/token/pin.ts';
import { canonicalBundle } from '../core/trust/bundle.ts';
import { parseHost } from '../core/x509/alternative-names.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import type { ReferenceIdentity } from '../core/x509/identity.ts';
import { OID } from '../core/x509/oids.ts';
import { validatePath } from '../core/x509/path.ts';
import type { Endpoint } from './endpoint.ts';
import type { ClientWorld } from './world.ts';

export type ServerTrust =
  /** PEM of the anchors, read again for every session: they may be replaced while the client lives. */
  | { readonly kind: 'anchors'; pem(): Promise<string> }
  | { readonly kind: 'pin'; readonly pin: ServerPin }
  /** Of the first manifest for control-plane-https: the server gives the manifest to anybody, the digest proves it. */
  | { readonly kind: 'manifest'; readonly digest: Digest };

export interface EndpointTrust {
  /** DER. */
  anchors(): Promise<readonly Uint8Array[]>;
  /** @throws ERR_PIN_NOT_SHOWN, ERR_PIN_NOT_ANCHOR, ERR_PIN_PATH, ERR_CERTIFICATE_MALFORMED */
  judge(shown: readonly Uint8Array[], anchors: readonly Uint8Array[]): void;
}

/** @throws ERR_CERTIFICATE_NAME */
export function endpointTrust(world: ClientWorld, endpoint: Endpoint, trust: ServerTrust): EndpointTrust {
  const { server } = endpoint;
  const identity = parseHost(server.name, 'server name') as ReferenceIdentity;
  const present = (shown: readonly Uint8Array[]): PresentedChain => ({
    certificates: readChain(shown),
    at: world.clock.now(),
    identity,
    verifySignature: world.verifySignature,
  });
  const underAnchors = (shown: readonly Uint8Array[], anchors: readonly Uint8Array[]): void =>
    assertUnderAnchors(present(shown), anchors, server);
  switch (trust.kind) {
    case 'anchors':
      return { anchors: sameAgain(trust.pem, (pem) => anchorsOf(world, pem)), judge: underAnchors };
    case 'manifest':
      return { anchors: once(async () => anchorsOf(world, await firstAnchors(world, endpoint, trust.digest))), judge: underAnchors };
    case 'pin': {
      const judge = (shown: readonly Uint8Array[]) => checkPinnedChain(present(shown), trust.pin);
      // FACTS, two connections: on this one not a byte is written. What is found by its hash is all that the second one trusts.
      return { anchors: once(async () => [judge(await world.tls.presentedChain(server)).anchor.der]), judge };
    }
  }
}

/** Remembers what was found, and asks again after a failure. */
function once<T>(work: () => Promise<T>): () => Promise<T> {
  let found: T | undefined;
  return async () => (found ??= await work());
}

/** Reads a text anew only when it is another: it is asked for before every request. */
function sameAgain<T>(text: () => Promise<string>, read: (text: string) => T): () => Promise<T> {
  let last: { readonly text: string; readonly value: T } | undefined;
  return async () => {
    const now = await text();
    if (last?.text !== now) last = { text: now, value: read(now) };
    return last.value;
  };
}

function anchorsOf(world: ClientWorld, pem: string): readonly Uint8Array[] {
  return canonicalBundle([{ text: pem, what: 'anchors of the server' }], world.verifySignature).anchors.map(({ der }) => der);
}

function readChain(shown: readonly Uint8Array[]): readonly [Certificate, ...Certificate[]] {
  // A connection that was verified has shown a certificate, and one that nobody verified may show none.
  const chain = shown.map((der, index) => parseCertificate(der, `certificate ${index} of the server`));
  if (chain.length === 0) throw new JoineryError('ERR_PIN_NOT_SHOWN', 'server: expected certificates, found none');
  return chain as unknown as readonly [Certificate, ...Certificate[]];
}

/** OpenSSL has verified the chain under these anchors; core's stricter rules must hold as well. */
function assertUnderAnchors(chain: PresentedChain, anchors: readonly Uint8Array[], { host, port }: ServerAddress): void {
  const [leaf, ...intermediates] = chain.certificates;
  const { at, verifySignature, identity } = chain;
  const trusted = anchors.map((der) => parseCertificate(der, 'anchor of the server'));
  const request = { leaf, intermediates, anchors: trusted, at, verifySignature, purpose: OID.serverAuth, identities: [identity] };
  const result = validatePath(request);
  if (result.ok) return;
  throw new JoineryError('ERR_PIN_PATH', `${host}:${port}: ${result.certificate.subject.text || '(no subject)'}: ${result.reason}`, {
    hint: 'do not send the token to it: the trusted anchors do not vouch for it',
    details: { fault: result.code, fingerprint: result.certificate.fingerprint },
  });
}
