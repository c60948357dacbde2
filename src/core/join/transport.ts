/** The port that carries a request of the client to a server: one endpoint, one session, nothing written before the server is proved. */
import type { ServerAddress } from '../key-ports.ts';
import type { Secret } from '../secret.ts';

export interface TransportRequest {
  readonly method: 'GET' | 'POST';
  /** With a leading slash and the query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
  /** For the whole exchange, a connection that must be made included. */
  readonly timeoutMs: number;
  /** Bytes of a reply. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface TransportResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** A client certificate. */
export interface TransportIdentity {
  /** PKCS #8 in PEM, not encrypted. */
  readonly key: Secret;
  /** PEM, the leaf first, then its authorities. */
  readonly certificates: string;
}

/** What a connection is made with. Asked for before every request: another identity or other anchors begin a new session. */
export interface TransportTls {
  /** DER of the only authorities that are trusted. */
  readonly anchors: readonly Uint8Array[];
  readonly identity?: TransportIdentity | undefined;
}

export interface TransportOptions {
  readonly server: ServerAddress;
  /** Reads the present trust and identity. */
  tls(): Promise<TransportTls>;
  /** Judges what the server shows, DER with the leaf first, before a byte of a request is written. @throws to refuse it */
  judge(shown: readonly Uint8Array[], tls: TransportTls): void;
}

export interface Transport {
  /**
   * @throws ERR_SERVER_UNREACHABLE before anything was sent, ERR_PIN_PATH, ERR_PIN_SESSION, ERR_REPLY_TIMEOUT, ERR_REPLY_TRUNCATED,
   *   ERR_REPLY_TOO_LARGE, ERR_INTERRUPTED
   */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Ends the session; a request that is under way fails. */
  close(): Promise<void>;
}

export type OpenTransport = (options: TransportOptions) => Transport;
