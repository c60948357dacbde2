/** The open connections of a listener: how many there are, of whom, under which certificate, and which of them do nothing. */
import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Fingerprint } from '../core/digest.ts';
import { addressGroup } from '../core/join/address-group.ts';
import type { Instant } from '../core/time.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';

export interface ConnectionLimits {
  readonly connections: number;
  readonly connections_per_address: number;
}

/** Between the word that a certificate counts no more and the end of its connections. */
const LAST_WORD_MS = 200;

/** A client certificate under which there is a connection. */
export interface ConnectedPeer {
  readonly fingerprint: Fingerprint;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notAfter: Instant;
}

/** Text of the address of a socket's peer, IPv4 without its IPv6 form; empty when the peer has gone. */
export function addressOf(socket: Pick<Socket, 'remoteAddress'>): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
}

/** The certificate of a connection's peer; undefined without one, and for one that is not well-formed. */
const certificates = new WeakMap<TLSSocket, Certificate | undefined>();

export function certificateOf(socket: TLSSocket): Certificate | undefined {
  if (!certificates.has(socket)) certificates.set(socket, readCertificate(socket));
  return certificates.get(socket);
}

function readCertificate(socket: TLSSocket): Certificate | undefined {
  const shown = socket.getPeerX509Certificate?.();
  if (shown === undefined) return undefined;
  try {
    return parseCertificate(new Uint8Array(shown.raw), 'client certificate');
  } catch {
    // Whoever shows something else than a certificate has shown none: every route that needs one refuses it.
    return undefined;
  }
}

export class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #perGroup = new Map<string, number>();
  readonly #byFingerprint = new Map<Fingerprint, { readonly peer: ConnectedPeer; readonly sockets: Set<TLSSocket> }>();

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes in a new TCP connection, or ends it when there are too many: of all, or of its address. */
  admit(socket: Socket, limits: ConnectionLimits): void {
    const group = addressGroup(addressOf(socket));
    const ofGroup = (this.#perGroup.get(group) ?? 0) + 1;
    if (this.#sockets.size >= limits.connections || ofGroup > limits.connections_per_address) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    this.#perGroup.set(group, ofGroup);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      const left = (this.#perGroup.get(group) ?? 1) - 1;
      if (left === 0) this.#perGroup.delete(group);
      else this.#perGroup.set(group, left);
    });
  }

  /** Remembers the certificate of a connection whose handshake is done. */
  identify(socket: TLSSocket): void {
    const certificate = certificateOf(socket);
    if (certificate === undefined) return;
    const { fingerprint, serialNumber: serial, notAfter } = certificate;
    const known = this.#byFingerprint.get(fingerprint) ?? { peer: { fingerprint, serial, notAfter }, sockets: new Set() };
    this.#byFingerprint.set(fingerprint, known);
    known.sockets.add(socket);
    socket.once('close', () => {
      known.sockets.delete(socket);
      if (known.sockets.size === 0) this.#byFingerprint.delete(fingerprint);
    });
  }

  /**
   * Ends every connection under a certificate, {@link LAST_WORD_MS} from now: a request that is on its way is refused by its handler, and its
   * client hears why instead of an end in the middle. @returns how many there were.
   */
  cut(fingerprint: Fingerprint): number {
    const sockets = [...(this.#byFingerprint.get(fingerprint)?.sockets ?? [])];
    for (const socket of sockets) setTimeout(() => socket.destroy(), LAST_WORD_MS).unref();
    return sockets.length;
  }

  /** The certificates under which there are connections. */
  peers(): readonly ConnectedPeer[] {
    return [...this.#byFingerprint.values()].map(({ peer }) => peer);
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

/**
 * Ends a session in which no stream is open for so long. Bytes alone do not count as work: a peer that sends pings, or headers octet by
 * octet, would hold the session for ever.
 */
export function endWhenIdle(session: Http2Session, idleMs: number): void {
  let open = 0;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    timer = setTimeout(() => {
      session.close();
      // A peer that does not answer the GOAWAY has nothing under way that could be lost.
      session.destroy();
    }, idleMs);
  };
  session.on('stream', (stream) => {
    open += 1;
    clearTimeout(timer);
    stream.once('close', () => {
      open -= 1;
      if (open === 0 && !session.destroyed) wait();
    });
  });
  session.once('close', () => clearTimeout(timer));
  wait();
}
