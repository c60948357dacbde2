/** One request of HTTP/1.1 or HTTP/2: read within its limits, answered by the handler, written. */
import type { IncomingMessage, ServerResponse as Http1Response } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
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
  /** For the whole request, from its headers to the last byte of its body. */
  readonly requestTimeoutMs: number;
  newCorrelationId(): string;
  /** The listener is stopping: peers are told to close. */
  readonly closing: boolean;
  /** An answer of the listener itself, for what never reaches the handler. */
  refuse(
    status: number,
    code: 'ERR_INPUT_TOO_LARGE' | 'ERR_REQUEST_TIMEOUT' | 'ERR_SERVER_BUSY' | 'ERR_INTERNAL',
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
  const body = await readBody(request, options);
  if (body === 'gone') return;
  if (typeof body === 'string') {
    const status = body === 'too large' ? 413 : 408;
    const refusal = options.refuse(status, body === 'too large' ? 'ERR_INPUT_TOO_LARGE' : 'ERR_REQUEST_TIMEOUT', correlationId);
    // What the peer still sends is not read any more: the connection (HTTP/2: the stream) ends with the answer.
    await send(request, response, refusal, { correlationId, close: true });
    return;
  }
  const result = await answer(request, { body, correlationId, signal: abort.signal }, options);
  await send(request, response, result, { correlationId, close: options.closing });
}

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
  const [path = '', query = ''] = splitOnce(request.url ?? '', '?');
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(request.headers)) {
    if (!name.startsWith(':') && value !== undefined) headers.set(name, typeof value === 'string' ? value : value.join(', '));
  }
  const peer = { address: addressOf(socket), correlationId, certificate: certificateOf(socket) };
  return { method: request.method ?? '', path, query: new URLSearchParams(query), headers, body, peer, signal };
}

function splitOnce(text: string, at: string): readonly string[] {
  const index = text.indexOf(at);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + 1)];
}

type Body = Uint8Array | 'too large' | 'too slow' | 'gone';

function readBody(request: AnyRequest, { maxBody, requestTimeoutMs }: ExchangeOptions): Promise<Body> {
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

/** Resolves when the response is written, or cannot be. */
function send(
  request: AnyRequest,
  response: AnyResponse,
  { status, headers, body }: ServerResponse,
  { correlationId, close }: { readonly correlationId: string; readonly close: boolean },
): Promise<void> {
  const http1 = request.httpVersionMajor === 1;
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  const all: Record<string, string | number> = {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-correlation-id': correlationId,
    ...headers,
    ...(status !== 304 && { 'content-length': bytes.length }),
    ...(http1 && close && { connection: 'close' }),
  };
  return new Promise((resolve) => {
    if (response.destroyed || response.writableEnded) {
      resolve();
      return;
    }
    response.once('close', resolve);
    response.once('finish', () => {
      if (close && !request.complete) finishUnread(request);
      resolve();
    });
    (response as Http1Response).writeHead(status, all);
    if (request.method === 'HEAD' || status === 304) response.end();
    else response.end(bytes);
  });
}

/** The rest of a body that is not wanted: HTTP/2 ends the stream alone, HTTP/1.1 the connection, after the answer has gone out. */
function finishUnread(request: AnyRequest): void {
  const { stream } = request as Partial<Http2ServerRequest>;
  if (stream === undefined) setTimeout(() => request.socket.destroy(), 200).unref();
  else if (!stream.closed) stream.close(0);
}
