/** One request and its response, as a listener hands them to the handlers: the same for HTTP/1.1, HTTP/2 and a service that mounts them. */
import type { Certificate } from '../x509/certificate.ts';

export interface HttpPeer {
  /** IP address; an IPv4 address in IPv6 form is written as IPv4. Empty when the peer has gone already. */
  readonly address: string;
  readonly correlationId: string;
  /** What the peer proved to hold the key of in the TLS handshake; nothing else about it is verified. */
  readonly certificate?: Certificate | undefined;
  /** How the request came, for metrics and audit; default rest. */
  readonly transport?: 'rest' | 'grpc' | 'gastrolog' | undefined;
}

export interface ServerRequest {
  /** Upper case. */
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly peer: HttpPeer;
  /** Aborted when the peer goes away before the response. */
  readonly signal: AbortSignal;
}

export interface ServerResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

export type HttpHandler = (request: ServerRequest) => Promise<ServerResponse>;
