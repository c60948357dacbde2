/**
 * HTTP over one proved TLS connection: HTTP/2 where the server speaks it, otherwise HTTP/1.1 kept alive. The socket is verified,
 * judged by the caller and only then handed to node:http2 or node:http, so that nothing is ever written to an unproved server.
 */
import { once } from 'node:events';
import { Agent, request as http1Request, type IncomingMessage } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as http2Connect, constants, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { JoineryError } from '../core/errors.ts';
import type { ServerAddress } from '../core/key-ports.ts';
import type { Transport, TransportOptions, TransportRequest, TransportResponse, TransportTls } from '../core/join/transport.ts';
import { readBounded } from './bounded-body.ts';
import { chainOf, connectPinned } from './pinned-tls.ts';

/** One connection and how requests go over it. */
interface Connection {
  alive(): boolean;
  exchange(request: TransportRequest, signal: AbortSignal): Promise<TransportResponse>;
  /** When the last request is answered. */
  retire(): void;
  destroy(): void;
}

export function openHttpTransport(options: TransportOptions): Transport {
  let current: { readonly key: string; readonly opened: Promise<Connection> } | undefined;
  const connection = async (timeoutMs: number): Promise<Connection> => {
    const tls = await options.tls();
    const key = keyOf(tls);
    for (;;) {
      const seen = current;
      const there = await seen?.opened.catch(() => undefined);
      if (there?.alive() === true && seen?.key === key) return there;
      // Another request has opened one meanwhile.
      if (current !== seen) continue;
      there?.retire();
      current = { key, opened: open(options, tls, timeoutMs) };
      return current.opened;
    }
  };
  return {
    async request(request: TransportRequest): Promise<TransportResponse> {
      const deadline = AbortSignal.timeout(Math.max(1, Math.ceil(request.timeoutMs)));
      const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
      const where = `${options.server.host}:${options.server.port}`;
      if (signal.aborted) throw timeLimit(where, deadline);
      try {
        return await untilAborted(send(connection, request, signal), signal);
      } catch (cause) {
        throw failure(cause, where, deadline, request.signal);
      }
    },
    async close(): Promise<void> {
      const there = await current?.opened.catch(() => undefined);
      there?.destroy();
      current = undefined;
    },
  };
}

/** How often a request is sent that servers end their connection on. */
const MAX_SENDINGS = 3;

/** A server that ends an idle connection may meet a request on its way: that one goes over a new connection. */
async function send(
  connection: (timeoutMs: number) => Promise<Connection>,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<TransportResponse> {
  for (let sending = 1; ; sending++) {
    const used = await connection(request.timeoutMs);
    try {
      return await used.exchange(request, signal);
    } catch (error) {
      if (!(error instanceof Unprocessed) || sending === MAX_SENDINGS) throw error;
      used.retire();
    }
  }
}

/** What a connection is made with: other trust or another identity needs another one. */
function keyOf({ anchors, identity }: TransportTls): string {
  return [...anchors.map((der) => Buffer.from(der).toString('base64')), identity?.certificates ?? ''].join('\n');
}

/** Whatever a handshake or a stream that broke oddly does: whoever gives up does not wait for it. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const given = new AbortController();
  const abort = once(signal, 'abort', { signal: given.signal }).then(
    () => Promise.reject(new Error('aborted')),
    // The work was done first: nobody listens any more.
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([work, abort]);
  } finally {
    given.abort();
  }
}

async function open({ server, judge }: TransportOptions, tls: TransportTls, timeoutMs: number): Promise<Connection> {
  const { identity } = tls;
  const socket = await connectPinned(server, tls.anchors, {
    timeoutMs: Math.max(1, timeoutMs),
    protocols: ['h2', 'http/1.1'],
    ...(identity && { identity: { key: identity.key.reveal(), cert: identity.certificates } }),
  });
  try {
    judge(chainOf(socket), tls);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return socket.alpnProtocol === 'h2' ? overHttp2(socket, server) : overHttp1(socket, server);
}

function authorityOf({ name, port }: ServerAddress): string {
  const host = name.includes(':') ? `[${name}]` : name;
  return port === 443 ? host : `${host}:${port}`;
}

function overHttp2(socket: TLSSocket, server: ServerAddress): Connection {
  const authority = authorityOf(server);
  const session: ClientHttp2Session = http2Connect(`https://${authority}`, {
    createConnection: () => socket as Duplex,
    // Nothing is taken that was not asked for.
    settings: { enablePush: false },
  });
  // Streams tell what happened to them; a session that broke between two requests is replaced by the next one.
  session.on('error', () => undefined);
  let usable = true;
  session.once('goaway', () => (usable = false));
  return {
    alive: () => usable && !session.closed && !session.destroyed,
    exchange: (request, signal) => http2Exchange(session, authority, request, signal),
    retire: () => session.close(),
    destroy: () => session.destroy(),
  };
}

async function http2Exchange(
  session: ClientHttp2Session,
  authority: string,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<TransportResponse> {
  const { method, path, headers, body } = request;
  const stream: ClientHttp2Stream = session.request(
    {
      ...headers,
      [constants.HTTP2_HEADER_METHOD]: method,
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_AUTHORITY]: authority,
    },
    { signal, endStream: body === undefined },
  );
  const answered = Promise.all([responseOf(stream), readBounded(stream, request.maxBytes, () => new TooLarge(request.maxBytes))]);
  // Without a body the stream has ended our side already.
  if (body !== undefined) stream.end(body);
  const [raw, bytes] = await answered.catch((error: unknown) => {
    throw stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new Unprocessed() : error;
  });
  // A session that was destroyed can look like a clean end of its streams.
  if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw new Truncated();
  return whole({ status: Number(raw[':status']), headers: headerMap(raw), body: bytes });
}

/** A session that the server destroys can end its streams without an error and without a reply. */
function responseOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
    stream.once('close', () => reject(new Truncated()));
  });
}

function overHttp1(first: TLSSocket, server: ServerAddress): Connection {
  let broken = false;
  first.once('close', () => (broken = true));
  // The one proved socket and no other: the agent queues what comes meanwhile.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => first;
  return {
    alive: () => !broken && !first.destroyed,
    exchange: (request, signal) => http1Exchange(agent, server, request, signal),
    retire: () => first.end(),
    destroy: () => {
      agent.destroy();
      first.destroy();
    },
  };
}

async function http1Exchange(
  agent: Agent,
  server: ServerAddress,
  request: TransportRequest,
  signal: AbortSignal,
): Promise<TransportResponse> {
  const { method, path, headers, body } = request;
  const outgoing = http1Request({
    agent,
    method,
    path,
    signal,
    host: server.host,
    port: server.port,
    headers: { ...headers, host: authorityOf(server), ...(body && { 'content-length': String(body.length) }) },
  });
  outgoing.end(body);
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const bytes = await readBounded(response, request.maxBytes, () => new TooLarge(request.maxBytes));
  if (!response.complete) throw new Truncated();
  return whole({ status: response.statusCode as number, headers: headerMap(response.headers), body: bytes });
}

class Truncated extends Error {}
/** The server has not looked at the request (RFC 9113 section 8.7): it may be sent again, whatever it asks for. */
class Unprocessed extends Error {
  readonly code = 'REFUSED_STREAM';
}
class TooLarge extends Error {
  readonly maxBytes: number;
  constructor(maxBytes: number) {
    super('too large');
    this.maxBytes = maxBytes;
  }
}

function headerMap(headers: Readonly<Record<string, string | string[] | number | undefined>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

/** A reply that announced its length has that length. */
function whole(reply: TransportResponse): TransportResponse {
  const length = reply.headers.get('content-length');
  if (length !== undefined && Number(length) !== reply.body.length) throw new Truncated();
  return reply;
}

function timeLimit(where: string, deadline: AbortSignal): JoineryError {
  if (!deadline.aborted) return new JoineryError('ERR_INTERRUPTED', `${where}: expected a reply, found that the caller gave up`);
  return new JoineryError('ERR_REPLY_TIMEOUT', `${where}: expected a reply in time, found none`);
}

/** @param caller the signal of whoever asked. */
function failure(cause: unknown, where: string, deadline: AbortSignal, caller: AbortSignal | undefined): JoineryError {
  if (deadline.aborted || caller?.aborted === true) return timeLimit(where, deadline);
  // Of the handshake, or of whoever judged it.
  if (cause instanceof JoineryError) return cause;
  if (cause instanceof TooLarge) {
    return new JoineryError('ERR_REPLY_TOO_LARGE', `${where}: expected a reply of at most ${cause.maxBytes} bytes, found more`);
  }
  const { code = 'no whole reply' } = cause as NodeJS.ErrnoException;
  const found = cause instanceof Truncated ? 'a part of it' : code;
  return new JoineryError('ERR_REPLY_TRUNCATED', `${where}: expected a whole reply, found ${found}`, { cause });
}
