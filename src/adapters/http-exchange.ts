/** One request of HTTP/1.1 or HTTP/2: read within its limits, answered by the handler, written. */
import type { IncomingMessage, ServerResponse as Http1Response } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { isCorrelationId } from '../core/names.ts';
import type { HttpHandler, ServerRequest, ServerResponse } from '../core/join/http.ts';
import { addressOf, certificateOf } from './http-connections.ts';

export type AnyRequest = IncomingMessage | Http2ServerRequest;
export type AnyResponse = Http1Response | Http2ServerResponse;

export interface ExchangeOptions {
  readonly handler: HttpHandler;
  /** Bytes of a body. */
  readonly maxBody: number;
  /** For the whole request, from its headers to the last byte of its body; as long again for the peer to take the answer. */
  readonly requestTimeoutMs: number;
  newCorrelationId(): string;
  /** The listener is stopping: peers are told to close. */
  readonly closing: boolean;
  /** There are too many requests open: this one is not read. */
  readonly full: boolean;
  /** An answer of the listener itself, for what never reaches the handler. */
  refuse(
    status: number,
    code: 'ERR_INPUT_TOO_LARGE' | 'ERR_REQUEST_TIMEOUT' | 'ERR_SERVER_BUSY' | 'ERR_REQUEST_MALFORMED' | 'ERR_INTERNAL',
    correlationId: string,
  ): ServerResponse;
}

/** The socket under a request of either version. */
export function socketOf(request: AnyRequest): TLSSocket {
  const { session } = (request as Partial<Http2ServerRequest>).stream ?? {};
  return (session?.socket ?? request.socket) as TLSSocket;
}

/** Reads, handles and answers; never rejects. */
export async function exchange(request: AnyRequest, response: AnyResponse, options: ExchangeOptions): Promise<void> {
  const correlationId = correlationIdOf(request, options);
  const abort = new AbortController();
  response.once('close', () => abort.abort());
  response.on('error', () => abort.abort());
  const { requestTimeoutMs: withinMs, closing } = options;
  const body = await readBody(request, options);
  if (body === 'gone') return;
  if (typeof body === 'string') {
    const [status, code] = UNREAD[body];
    // What the peer still sends is not read any more: the connection (HTTP/2: the stream) ends with the answer.
    await send(request, response, options.refuse(status, code, correlationId), { correlationId, close: true, withinMs });
    return;
  }
  const result = await answer(request, { body, correlationId, signal: abort.signal }, options);
  await send(request, response, result, { correlationId, close: closing, withinMs });
}

/** Status and code for requests that are not read to their end. */
const UNREAD = {
  'too large': [413, 'ERR_INPUT_TOO_LARGE'],
  'too slow': [408, 'ERR_REQUEST_TIMEOUT'],
  full: [503, 'ERR_SERVER_BUSY'],
  ambiguous: [400, 'ERR_REQUEST_MALFORMED'],
} as const;

async function answer(
  request: AnyRequest,
  { body, correlationId, signal }: { readonly body: Uint8Array; readonly correlationId: string; readonly signal: AbortSignal },
  { handler, refuse }: ExchangeOptions,
): Promise<ServerResponse> {
  try {
    return await handler(serverRequest(request, body, correlationId, signal));
  } catch {
    // The handler answers every error itself; this is a bug in it, of which the peer learns nothing.
    return refuse(500, 'ERR_INTERNAL', correlationId);
  }
}

function correlationIdOf({ headers }: AnyRequest, { newCorrelationId }: ExchangeOptions): string {
  const given = headers['x-correlation-id'];
  return typeof given === 'string' && isCorrelationId(given) ? given : newCorrelationId();
}

function serverRequest(request: AnyRequest, body: Uint8Array, correlationId: string, signal: AbortSignal): ServerRequest {
  const socket = socketOf(request);
  const path = pathOf(request);
  const query = request.url?.split('?').slice(1).join('?');
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith(':') && value !== undefined) headers.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  const peer = { address: addressOf(socket), correlationId, certificate: certificateOf(socket) };
  return { method: request.method ?? '', path, query: new URLSearchParams(query), headers, body, peer, signal };
}

/** The path that is asked for, of the absolute form of a target too (RFC 9112 section 3.2.2). */
export function pathOf({ url = '' }: Pick<AnyRequest, 'url'>): string {
  return (url.split('?', 1)[0] as string).replace(/^https?:\/\/[^/]*/i, '');
}

type Body = Uint8Array | keyof typeof UNREAD | 'gone';

function readBody(request: AnyRequest, { maxBody, requestTimeoutMs, full }: ExchangeOptions): Promise<Body> {
  if (full) return Promise.resolve('full');
  // RFC 9112 section 3.2: two hosts are what one hop reads as the first and the next as the last.
  if ((request as Partial<IncomingMessage>).headersDistinct?.['host']?.[1] !== undefined) return Promise.resolve('ambiguous');
  // What is announced too large need not be waited for.
  if (Number(request.headers['content-length']) > maxBody) return Promise.resolve('too large');
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (body: Body): void => {
      clearTimeout(timer);
      request.off('data', onData);
      resolve(body);
    };
    const timer = setTimeout(() => done('too slow'), requestTimeoutMs);
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > maxBody) done('too large');
      else chunks.push(chunk);
    };
    request.on('data', onData);
    // A stream that was reset can look like one that ended: only a whole body counts.
    request.once('end', () => done(request.complete ? new Uint8Array(Buffer.concat(chunks)) : 'gone'));
    request.once('aborted', () => done('gone'));
    request.once('close', () => done('gone'));
    request.on('error', () => done('gone'));
  });
}

interface Sending {
  readonly correlationId: string;
  /** End the connection (HTTP/2: the stream) after the answer. */
  readonly close: boolean;
  readonly withinMs: number;
}

/** Resolves when the response is written, or cannot be. */
function send(
  request: AnyRequest,
  response: AnyResponse,
  { status, headers, body }: ServerResponse,
  { correlationId, close, withinMs }: Sending,
): Promise<void> {
  const http1 = request.httpVersionMajor === 1;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  // RFC 9110 section 8.6: 204 has no length, and 304 not that of an empty body.
  const withBody = status !== 304 && status !== 204;
  const all: Record<string, string | number> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-correlation-id': correlationId,
    ...headers,
    ...(withBody && { 'content-length': bytes.length }),
    ...(http1 && close && { connection: 'close' }),
  };
  return new Promise((resolve) => {
    if (response.destroyed || response.writableEnded) {
      resolve();
      return;
    }
    // A peer that opens no window, or does not read, would hold its place for ever.
    const timer = setTimeout(() => endNow(request), withinMs);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    response.once('finish', () => {
      clearTimeout(timer);
      if (close && !request.complete) finishUnread(request);
      resolve();
    });
    (response as Http1Response).writeHead(status, all);
    if (request.method === 'HEAD' || !withBody) response.end();
    else response.end(bytes);
  });
}

function endNow(request: AnyRequest): void {
  const { stream } = request as Partial<Http2ServerRequest>;
  if (stream === undefined) request.socket.destroy();
  else stream.close(constants.NGHTTP2_CANCEL);
}

/** The rest of a body that is not wanted: HTTP/2 ends the stream alone, HTTP/1.1 the connection, after the answer has gone out. */
function finishUnread(request: AnyRequest): void {
  const { stream } = request as Partial<Http2ServerRequest>;
  if (stream === undefined) setTimeout(() => request.socket.destroy(), 200).unref();
  else if (!stream.closed) stream.close(0);
}
