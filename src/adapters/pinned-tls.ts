/**
 * First contact with a pinned server, over two connections. On the first not one byte of application data is written: it shows which
 * certificates are there. The second trusts exactly the authority that was found by its hash. There is no race between the two,
 * because that authority is identified by its hash, and all of the second handshake is verified under it.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { PinnedTls, ServerAddress } from '../core/key-ports.ts';
import { parseHost } from '../core/x509/alternative-names.ts';
import { parseCertificate } from '../core/x509/certificate.ts';
import { hasIdentity, type ReferenceIdentity } from '../core/x509/identity.ts';

const TIMEOUT_MS = 10_000;
/** Node links issuers by name, not by signature: a hostile server can make it a loop or endless. */
const MAX_CERTIFICATES = 8;

export interface PinnedTlsOptions {
  /** For the whole handshake, however busy the server looks. */
  readonly timeoutMs?: number;
  /** Protocols to offer (RFC 7301). */
  readonly protocols?: readonly string[];
  /** Client certificate, PEM with the leaf first, and its key. */
  readonly identity?: { readonly key: string; readonly cert: string } | undefined;
}

/** @throws ERR_SERVER_UNREACHABLE */
export async function presentedChain(server: ServerAddress, options: PinnedTlsOptions = {}): Promise<readonly Uint8Array[]> {
  // Nothing is verified here and nothing is sent: the socket is closed as soon as it has shown its certificates.
  const socket = await handshake(server, { rejectUnauthorized: false }, options);
  try {
    return chainOf(socket);
  } finally {
    socket.destroy();
  }
}

/**
 * Opens a connection under exactly these anchors, for a client that has something to send. The caller ends it.
 * @param anchors DER of self-signed authorities; the system store is not consulted.
 * @throws ERR_PIN_PATH, ERR_PIN_SESSION, ERR_SERVER_UNREACHABLE
 */
export async function connectPinned(
  server: ServerAddress,
  anchors: readonly Uint8Array[],
  options: PinnedTlsOptions = {},
): Promise<TLSSocket> {
  const { protocols, identity } = options;
  const trust: ConnectionOptions = {
    ca: anchors.map((der) => toPem('CERTIFICATE', der)),
    rejectUnauthorized: true,
    ...(protocols && { ALPNProtocols: [...protocols] }),
    ...identity,
  };
  const socket = await handshake(server, trust, options);
  try {
    assertProven(socket, server);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * What a verified connection must be. A session that was resumed says `authorized` by what was verified when it began, perhaps under
 * another authority and for another name, and shows no certificate: it proves nothing. Here none is ever offered for resumption; this
 * holds the line should a caller do so.
 * @throws ERR_PIN_SESSION, ERR_PIN_PATH, ERR_CERTIFICATE_NAME, ERR_CERTIFICATE_MALFORMED
 */
export function assertProven(socket: TLSSocket, server: ServerAddress): void {
  if (socket.isSessionReused()) throw unproven(server, 'a session of its own', 'a resumed one');
  const leaf = socket.getPeerX509Certificate();
  if (!socket.authorized || leaf === undefined) throw unproven(server, 'a verified certificate', 'none');
  const identity = parseHost(server.name, 'server name') as ReferenceIdentity;
  if (!hasIdentity(parseCertificate(leaf.raw, 'server certificate'), identity)) throw refusedPath(server, 'other names', 'identity');
}

export const pinnedTls: PinnedTls = {
  presentedChain,
  async provenChain(server, anchors) {
    const socket = await connectPinned(server, anchors);
    try {
      return chainOf(socket);
    } finally {
      socket.destroy();
    }
  },
};

function handshake(server: ServerAddress, trust: ConnectionOptions, { timeoutMs = TIMEOUT_MS }: PinnedTlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...trust,
      host: server.host,
      port: server.port,
      minVersion: 'TLSv1.3',
      // An address is no server name (RFC 6066 section 3), and Node refuses to send one.
      ...(isIP(server.name) === 0 && { servername: server.name }),
      // Node would take the common name where there is no subjectAltName; assertProven compares names, before anything is written.
      checkServerIdentity: () => undefined,
    });
    const timer = setTimeout(() => socket.destroy(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })), timeoutMs);
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      reject(failure(server, cause, socket.authorizationError));
    };
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', fail);
      // A peer may break the connection at any time: what was shown until then is what counts.
      socket.on('error', () => undefined);
      resolve(socket);
    });
  });
}

/** DER of what the server shows, the leaf first. */
export function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  const seen = new Set<string>();
  let next: X509Certificate | undefined = socket.getPeerX509Certificate();
  while (next !== undefined && chain.length < MAX_CERTIFICATES && !seen.has(next.fingerprint256)) {
    seen.add(next.fingerprint256);
    chain.push(new Uint8Array(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

/** @param fault Node's code for a certificate that it refuses, as against a connection that does not come about. */
function failure(server: ServerAddress, cause: unknown, fault: Error | string | null): JoineryError {
  if (fault !== null) return refusedPath(server, String(fault), String(fault), cause);
  const { code = 'an error without a code' } = cause as NodeJS.ErrnoException;
  return new JoineryError('ERR_SERVER_UNREACHABLE', `${server.host}:${server.port}: expected a server of TLS 1.3, found ${code}`, {
    details: { host: server.host, port: server.port, errno: code },
    cause,
  });
}

function refusedPath(server: ServerAddress, found: string, fault: string, cause?: unknown): JoineryError {
  return new JoineryError(
    'ERR_PIN_PATH',
    `${server.host}:${server.port}: expected a certificate for ${server.name} under the pinned authority, found ${found}`,
    { hint: 'do not send the token to it', details: { fault }, ...(cause !== undefined && { cause }) },
  );
}

function unproven(server: ServerAddress, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_PIN_SESSION', `${server.host}:${server.port}: expected ${expected}, found ${found}`);
}
