/**
 * One port for REST, gRPC, gRPC-Web and Connect: TLS 1.3 with HTTP/2, and HTTP/1.1 for those who have no more. A client certificate is
 * asked for and never judged here: which routes need one, and whether this one still counts, is decided for every request above.
 */
import { constants } from 'node:crypto';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type SecureServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Fingerprint } from '../core/digest.ts';
import { addressGroup } from '../core/join/address-group.ts';
import type { HttpHandler } from '../core/join/http.ts';
import type { ListenAddress, ServerLimits } from '../core/realm/server-config.ts';
import type { Secret } from '../core/secret.ts';
import { addressOf, type ConnectedPeer, Connections, endWhenIdle } from './http-connections.ts';
import { type AnyRequest, type AnyResponse, exchange, type ExchangeOptions, pathOf, socketOf } from './http-exchange.ts';
import { OpenRequests } from './http-work.ts';
import { listenOn } from './listen.ts';

export interface TlsCredentials {
  /** PEM: the server's certificate, those above it, and the root, which clients with a pin look for. */
  readonly chainPem: string;
  /** PKCS #8 in PEM. */
  readonly keyPem: Secret;
}

export interface HttpServerOptions {
  readonly listen: ListenAddress;
  readonly credentials: TlsCredentials;
  readonly handler: HttpHandler;
  /** Takes calls of gRPC, gRPC-Web and Connect; it limits them itself. */
  readonly grpc?: ((request: Http2ServerRequest, response: Http2ServerResponse) => void) | undefined;
  /** Asked for every connection and request, so that a new configuration counts at once. */
  limits(): ServerLimits;
  newCorrelationId(): string;
  refuse: ExchangeOptions['refuse'];
}

export interface HttpServer {
  readonly address: ListenAddress;
  /** New handshakes take these; sessions that are open stay. */
  setCredentials(credentials: TlsCredentials): void;
  /** Ends every connection under a client certificate. @returns how many there were. */
  cut(fingerprint: Fingerprint): number;
  /** Client certificates under which there are connections. */
  peers(): readonly ConnectedPeer[];
  /** Open connections, and requests that are being answered. */
  load(): { readonly connections: number; readonly requests: number };
  /** Takes no more, answers what is under way, and ends what is left after so many milliseconds. */
  stop(deadlineMs: number): Promise<void>;
  /** Ends everything at once. */
  abort(): void;
}

/** All suites of TLS 1.3 but those with short tags; nothing older is spoken. */
const CIPHER_SUITES = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADER_PAIRS = 64;

/** `/package.Service/Method` */
const RPC_PATH = /^\/[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)+\/[A-Za-z0-9_]+$/;

/** What clients of the server see: TLS 1.3 with these suites, no resumption, no authority of its own. */
export function tlsOptions({ chainPem, keyPem }: TlsCredentials) {
  return {
    cert: chainPem,
    key: keyPem.reveal(),
    minVersion: 'TLSv1.3',
    ciphers: CIPHER_SUITES,
    // A session that is resumed brings a certificate that was judged once before: none is.
    secureOptions: constants.SSL_OP_NO_TICKET,
    // No authority is trusted by TLS itself: what a client certificate counts for, core and the store decide.
    ca: [],
  } satisfies SecureServerOptions;
}

/** For a listener of node:http2 that speaks HTTP/1.1 too. */
export function serverOptions(credentials: TlsCredentials, limits: ServerLimits): SecureServerOptions {
  const http1Options = {
    // Headers are part of the request: Node refuses to start with more time for them.
    headersTimeout: Math.min(limits.header_timeout, limits.request_timeout) * 1000,
    requestTimeout: limits.request_timeout * 1000,
    keepAliveTimeout: limits.idle_timeout * 1000,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  const options: SecureServerOptions & { readonly http1Options: typeof http1Options } = {
    ...tlsOptions(credentials),
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshake_timeout * 1000,
    // Who watches revocations may say nothing for days: whoever is gone without a word is found by TCP.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    unknownProtocolTimeout: 1000,
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    maxSessionMemory: 2,
    settings: { maxConcurrentStreams: limits.streams, maxHeaderListSize: MAX_HEADER_BYTES, enableConnectProtocol: false },
    http1Options,
  };
  return options;
}

/** @throws ERR_SERVER_LISTEN */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const connections = new Connections();
  const work = new OpenRequests();
  const server = createSecureServer(serverOptions(options.credentials, options.limits()));
  let stopping = false;
  server.on('connection', (socket: Socket) => connections.admit(socket, options.limits()));
  server.on('secureConnection', (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    connections.identify(socket);
  });
  server.on('session', (session) => {
    session.on('error', () => undefined);
    endWhenIdle(session, options.limits().idle_timeout * 1000);
  });
  server.on('clientError', refuseUnreadable);
  const arrived = (request: Http2ServerRequest, response: Http2ServerResponse): void =>
    dispatch(options, { request, response, stopping, work });
  server.on('request', arrived);
  // RFC 9110 section 10.1.1: who asks first whether to send a body is not told to send one that will be refused.
  server.on('checkContinue', (request: Http2ServerRequest, response: Http2ServerResponse) => {
    if (Number(request.headers['content-length'] ?? 0) <= options.limits().body) response.writeContinue();
    arrived(request, response);
  });
  const address = await listenOn(server, options.listen, 'listen');
  return {
    address,
    setCredentials: (credentials) => server.setSecureContext(tlsOptions(credentials)),
    cut: (fingerprint) => connections.cut(fingerprint),
    peers: () => connections.peers(),
    load: () => ({ connections: connections.size, requests: work.size }),
    async stop(deadlineMs) {
      stopping = true;
      await closeWithin(server, work, deadlineMs);
      connections.destroyAll();
    },
    abort: () => connections.destroyAll(),
  };
}

interface Arrival {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  readonly stopping: boolean;
  /** Requests that are open already; this one is added. */
  readonly work: OpenRequests;
}

/**
 * Answers one request: gRPC by its own half, the rest by the handler. How many one address has open is bounded here: a peer that sends or
 * reads slowly keeps his own requests waiting and nobody else's.
 */
export function dispatch(options: HttpServerOptions, { request, response, stopping, work }: Arrival): void {
  const group = addressGroup(addressOf(socketOf(request)));
  const { requests } = options.limits();
  const open = work.of(group);
  // Whoever goes on although he was refused as often again does not wait for answers.
  if (open >= 2 * requests) socketOf(request).destroy();
  else work.add(group, serve(options, { request, response, stopping, full: open >= requests }));
}

function serve(options: HttpServerOptions, { request, response, stopping, full }: Omit<Arrival, 'work'> & { readonly full: boolean }) {
  const limits = options.limits();
  const { grpc, newCorrelationId, refuse } = options;
  if (grpc !== undefined && !full && RPC_PATH.test(pathOf(request))) {
    return new Promise<void>((resolve) => {
      response.once('close', resolve);
      grpc(request as Http2ServerRequest, response as Http2ServerResponse);
    });
  }
  return exchange(request, response, {
    handler: options.handler,
    maxBody: limits.body,
    requestTimeoutMs: limits.request_timeout * 1000,
    newCorrelationId,
    closing: stopping,
    full,
    refuse,
  });
}

/** What is no HTTP, or HTTP beyond the limits; a failed handshake has no plain text to be told. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  const status = { HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large', ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout' };
  const handshaken = (socket as Partial<TLSSocket>).alpnProtocol === 'http/1.1' || (socket as Partial<TLSSocket>).alpnProtocol === false;
  if (!socket.writable || !handshaken) {
    socket.destroy();
    return;
  }
  const line = status[error.code as keyof typeof status] ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  setTimeout(() => socket.destroy(), 200).unref();
}

/** Sessions are told to go away; what they have under way is answered until the deadline. */
async function closeWithin(server: Http2SecureServer, work: OpenRequests, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, deadlineMs)));
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = async (): Promise<void> => {
    await work.idle();
    // A connection of HTTP/1.1 that is kept alive has nothing under way now; a session of HTTP/2 closes itself.
    (server as unknown as { closeIdleConnections(): void }).closeIdleConnections();
    await closed;
  };
  await Promise.race([idle(), deadline]);
  clearTimeout(timer);
}
