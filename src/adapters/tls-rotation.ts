/**
 * Keeps TLS listeners and clients of a service on a certificate and trust that change under it: new handshakes take the new ones,
 * sessions that are open stay. Nothing is ever resumed: a session of yesterday's trust must not speak for today's.
 */
import { Agent, type AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import {
  connect,
  createSecureContext,
  type ConnectionOptions,
  type PeerCertificate,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls';
import { JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { parseCertificate } from '../core/x509/certificate.ts';
import { hasIdentity } from '../core/x509/identity.ts';

/** Of src/client/identity-watch.ts. */
interface Snapshot {
  readonly key: Secret;
  readonly certificates: string;
  readonly trust: Readonly<Record<Purpose, string>>;
}

interface Watch {
  current(): Snapshot;
  onChange(listener: (snapshot: Snapshot) => void): () => void;
}

/** What both ends of a connection are set up with. */
export interface RotationOptions {
  /** Which anchors prove the other side. Default node-cert-lifecycle: it is a node, too. */
  readonly purpose?: Purpose | undefined;
}

export interface PeerOptions extends RotationOptions {
  /** SPIFFE ID that the server must have, where it is a node, which has no DNS name. Default: the host name, as Node compares it. */
  readonly peer?: string | ((spiffeId: string) => boolean) | undefined;
}

type Material = Required<Pick<SecureContextOptions, 'key' | 'cert' | 'ca' | 'minVersion'>>;

function materialOf({ key, certificates, trust }: Snapshot, purpose: Purpose = 'node-cert-lifecycle'): Material {
  // Without anchors Node would take those of the system.
  if (trust[purpose] === '')
    throw new JoineryError('ERR_USAGE', `purpose: expected one that the identity has anchors of, found ${purpose}`, {
      hint: 'a Workload API gives the anchors of node-cert-lifecycle alone',
    });
  return { key: key.reveal(), cert: certificates, ca: trust[purpose], minVersion: 'TLSv1.3' };
}

/** For `tls`, `https` and `http2` listeners that let nodes in: TLS 1.3, a client certificate under the anchors. */
export function listenerOptions(watch: Watch, { purpose }: RotationOptions = {}): TlsOptions {
  return { ...materialOf(watch.current(), purpose), requestCert: true, rejectUnauthorized: true };
}

interface Listener {
  setSecureContext(options: SecureContextOptions): void;
}

/** @param more what the listener was made with beside the certificate: ciphers, say. @returns a function that ends it. */
export function keepListener(
  watch: Watch,
  server: Listener,
  { purpose, more = {} }: RotationOptions & { readonly more?: SecureContextOptions } = {},
) {
  const renew = (snapshot: Snapshot): void => server.setSecureContext({ ...more, ...materialOf(snapshot, purpose) });
  renew(watch.current());
  return watch.onChange(renew);
}

/** For one `tls.connect`, `https.request` or `http2.connect`: ask again for the next one. */
export function connectOptions(watch: Watch, { purpose, peer }: PeerOptions = {}): ConnectionOptions {
  return {
    secureContext: createSecureContext(materialOf(watch.current(), purpose)),
    rejectUnauthorized: true,
    ...(peer !== undefined && { checkServerIdentity: checkPeer(peer) }),
  };
}

/** For `checkServerIdentity` of node:tls, node:https and @grpc/grpc-js: the server is judged by its SPIFFE ID instead of a host name. */
export function checkPeer(peer: string | ((spiffeId: string) => boolean)) {
  return (_host: string, { raw }: Pick<PeerCertificate, 'raw'>): Error | undefined => spiffeMismatch(raw, peer);
}

/** @returns an error unless the certificate has exactly one URI, and that is the peer (SPIFFE X509-SVID section 5.2). */
function spiffeMismatch(raw: Uint8Array, peer: string | ((spiffeId: string) => boolean)): Error | undefined {
  const certificate = parseCertificate(raw, 'certificate of the server');
  const uris = (certificate.extensions.subjectAltName ?? []).flatMap((name) => (name.kind === 'uri' ? [name.value] : []));
  const [uri] = uris;
  const fits = typeof peer === 'string' ? hasIdentity(certificate, { kind: 'uri', value: peer }) : uri !== undefined && peer(uri);
  if (fits && uris.length === 1) return undefined;
  const wanted = typeof peer === 'string' ? peer : 'a peer that the caller accepts';
  return new JoineryError('ERR_PIN_PATH', `server: expected ${wanted}, found ${uris.join(', ') || 'no SPIFFE ID'}`, {
    details: { fault: 'identity' },
  });
}

/** An agent for `https.request` whose every new connection takes the present certificate and trust. */
export function rotatingAgent(watch: Watch, options: PeerOptions & AgentOptions = {}): Agent {
  const { purpose, peer, ...agentOptions } = options;
  const agent = new Agent({ keepAlive: true, ...agentOptions, maxCachedSessions: 0 });
  agent.createConnection = (given): Duplex => {
    const { host = '', port = 443, servername = '' } = given as { host?: string; port?: number; servername?: string };
    return connect({ ...connectOptions(watch, { purpose, peer }), host, port, ...(servername !== '' && { servername }) });
  };
  // Connections that wait for a request were made with what is gone now; those that are at work finish.
  const stop = watch.onChange(() => {
    for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy();
  });
  const destroy = agent.destroy.bind(agent);
  agent.destroy = () => {
    stop();
    destroy();
  };
  return agent;
}

type CaListener = (update: { readonly caCertificate: Buffer } | null) => void;
type IdentityListener = (update: { readonly certificate: Buffer; readonly privateKey: Buffer } | null) => void;

/**
 * A certificate provider for `@grpc/grpc-js`: its `experimental.createCertificateProviderChannelCredentials(p, p)` and
 * `createCertificateProviderServerCredentials(p, p, true)` take one object for anchors and identity.
 */
export function grpcProvider(watch: Watch, { purpose }: RotationOptions = {}) {
  const stops = new Map<CaListener | IdentityListener, () => void>();
  const subscribe = (listener: CaListener | IdentityListener, tell: (snapshot: Snapshot) => void): void => {
    stops.get(listener)?.();
    stops.set(listener, watch.onChange(tell));
    // As if it had come just now: grpc-js waits for a first update.
    queueMicrotask(() => tell(watch.current()));
  };
  const unsubscribe = (listener: CaListener | IdentityListener): void => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  return {
    addCaCertificateListener: (listener: CaListener): void =>
      subscribe(listener, (snapshot) => listener({ caCertificate: Buffer.from(materialOf(snapshot, purpose).ca as string) })),
    removeCaCertificateListener: unsubscribe,
    addIdentityCertificateListener: (listener: IdentityListener): void =>
      subscribe(listener, ({ certificates, key }) =>
        listener({ certificate: Buffer.from(certificates), privateKey: Buffer.from(key.reveal()) }),
      ),
    removeIdentityCertificateListener: unsubscribe,
  };
}
