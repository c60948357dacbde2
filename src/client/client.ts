/**
 * The client of a bootstrap server (FORMATS 4). Requests of one client share a session for each server; several servers are asked in
 * order. Nothing is believed because a server says it: join and renewal replies are for {@link checkReply} before they are used.
 */
import { readOffers } from '../app/node-trust.ts';
import { canonicalBytes, type JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import {
  type CaReply,
  type Challenge,
  type JoinReply,
  type JoinRequest,
  type MintReply,
  type MintRequest,
  parseReply,
  type PeersReply,
  type RenewRequest,
  type ReplyName,
  type ReplyOf,
  type ReportReply,
  type RevocationEntry,
  type RevocationsReply,
  type RevokeReply,
  type RevokeRequest,
  type TrustReport,
} from '../core/join/messages.ts';
import { uuidV4 } from '../core/names.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { Offer } from '../core/trust/walk.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { assertSuccess, jsonOf, objectOf } from './reply.ts';
import { askInTurn } from './retry.ts';
import { endpointTrust, type ServerTrust } from './server-trust.ts';
import type { Transport, TransportIdentity, TransportResponse } from '../core/join/transport.ts';
import { type WatchOptions, watchRevocations } from './watch-revocations.ts';
import type { ClientWorld } from './world.ts';

export interface BootstrapClientOptions {
  /** Asked in this order. */
  readonly urls: readonly string[];
  readonly trust: ServerTrust;
  /** Client certificate; read again before each request, so that a rotation needs no new client. */
  readonly identity?: (() => Promise<TransportIdentity | undefined>) | undefined;
  /** For one call with all its attempts. Default 30 s. */
  readonly timeoutMs?: number | undefined;
  /** Times that each server is asked, at most. Default 5. */
  readonly attempts?: number | undefined;
  /** Name in the server's certificate, where it is not the host of the URL. */
  readonly serverName?: string | undefined;
  /** Sent with every request, and found in the server's audit log. Default: a new one for each call. */
  readonly correlationId?: string | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** A document that has not changed since the ETag that was sent is undefined. */
export interface Tagged<T> {
  readonly value: T | undefined;
  readonly etag: string | undefined;
}

export interface ServerStatus {
  readonly url: string;
  readonly ca: CaReply;
}

export interface BootstrapClient {
  /** Safe to ask again with the same key: the same certificate, no second use of the token. @throws the server's code, ERR_REPLY_* */
  join(request: JoinRequest, options?: CallOptions): Promise<JoinReply>;
  renew(request: RenewRequest, options?: CallOptions): Promise<JoinReply>;
  /** A nonce for evidence that answers one: good for a minute, at the server that gave it. */
  challenge(options?: CallOptions): Promise<Challenge>;
  peers(options?: CallOptions & { readonly etag?: string | undefined }): Promise<Tagged<PeersReply>>;
  /** Versions of a trust bundle as the server has them; nothing about them is verified yet. */
  trust(purpose: Purpose, options?: CallOptions): Promise<readonly Offer[]>;
  reportTrust(report: TrustReport, options?: CallOptions): Promise<ReportReply>;
  revoke(request: RevokeRequest, options?: CallOptions): Promise<RevokeReply>;
  revokeToken(id: string, reason?: RevokeRequest['reason'], options?: CallOptions): Promise<RevokeReply>;
  /** Not asked twice where it is unknown what the first time did. */
  mintToken(request: MintRequest, options?: CallOptions): Promise<MintReply>;
  revocations(since: number, options?: CallOptions): Promise<RevocationsReply>;
  /** Every revocation after `since`, and then each new one within a second. */
  watchRevocations(options?: WatchOptions): AsyncGenerator<RevocationEntry, void, undefined>;
  /**
   * OmniRelay's join: the server makes the key. Every request is a new use of the token, so none is sent twice.
   * @returns OmniRelay's bundle, as the server gave it.
   */
  joinOmnirelay(request: { readonly token: string; readonly nodeId?: string }, options?: CallOptions): Promise<JsonObject>;
  /** Whether a server answers and what it says its anchors are. */
  status(options?: CallOptions): Promise<ServerStatus>;
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_ATTEMPTS = 5;
/** One attempt leaves time for others. */
const ATTEMPT_MS = 10_000;
/** Two chains of trust versions, and peers by the thousand. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: JsonObject;
  readonly etag?: string | undefined;
  readonly safe: boolean;
}

interface Answer {
  readonly response: TransportResponse;
  /** Names it in errors. */
  readonly what: string;
  readonly url: string;
}

interface Line {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
}

/** @throws ERR_USAGE without a URL, ERR_CERTIFICATE_NAME */
export function createClient(world: ClientWorld, options: BootstrapClientOptions): BootstrapClient {
  if (options.urls.length === 0) throw new JoineryError('ERR_NODE_NO_URL', 'url: expected the URL of a bootstrap server, found none');
  const lines = options.urls.map((url) => openLine(world, parseEndpoint(url, options.serverName), options));
  const call = (request: Call, given: CallOptions = {}): Promise<Answer> => send(world, lines, options, request, given);
  const ask = async <N extends ReplyName>(kind: N, request: Call, given?: CallOptions): Promise<ReplyOf<N>> => {
    const { response, what } = await call(request, given);
    return parseReply(kind, jsonOf(response, what));
  };
  const post = (path: string, body: JsonObject, safe: boolean): Call => ({ method: 'POST', path, body, safe });
  const get = (path: string): Call => ({ method: 'GET', path, safe: true });
  const revocations = (since: number, given?: CallOptions): Promise<RevocationsReply> =>
    ask('revocations', get(`/v1/revocations?since=${since}`), given);
  const revoke = (request: RevokeRequest, given?: CallOptions): Promise<RevokeReply> =>
    ask('revoke', post('/v1/revocations', asObject(request), true), given);
  return {
    join: (request, given) => ask('join', post('/v1/join', asObject(request), true), given),
    renew: (request, given) => ask('join', post('/v1/renew', asObject(request), true), given),
    challenge: (given) => ask('challenge', post('/v1/challenge', {}, true), given),
    peers: async (given) => {
      const { response, what } = await call({ ...get('/v1/peers'), etag: given?.etag }, given);
      const etag = response.headers.get('etag');
      return { etag, value: response.status === 304 ? undefined : parseReply('peers', jsonOf(response, what)) };
    },
    trust: async (purpose, given) => {
      const { response, what } = await call(get(`/v1/trust/${purpose}`), given);
      return readOffers(response.body, what);
    },
    reportTrust: (report, given) => ask('trust-report', post('/v1/trust-report', asObject(report), true), given),
    revoke,
    revokeToken: (token, reason, given) => revoke({ token, ...(reason !== undefined && { reason }) }, given),
    mintToken: (request, given) => ask('mint', post('/v1/tokens', asObject(request), false), given),
    revocations,
    watchRevocations: (watch) => watchRevocations(world, revocations, watch),
    joinOmnirelay: async (request, given) => {
      const { response, what } = await call(post('/omnirelay/bootstrap/join', { ...request }, false), given);
      return objectOf(response, what);
    },
    status: async (given) => {
      const { response, what, url } = await call(get('/v1/ca'), given);
      return { url, ca: parseReply('ca', jsonOf(response, what)) };
    },
    close: async () => {
      await Promise.all(lines.map(({ transport }) => transport.close()));
    },
  };
}

/** Parsed requests are JSON; the compiler does not see it, because their optional members have no index signature. */
function asObject(request: object): JsonObject {
  return request as JsonObject;
}

function openLine(world: ClientWorld, endpoint: Endpoint, { trust, identity }: BootstrapClientOptions): Line {
  const proof = endpointTrust(world, endpoint, trust);
  const transport = world.openTransport({
    server: endpoint.server,
    tls: async () => {
      const [anchors, own] = await Promise.all([proof.anchors(), identity?.()]);
      return { anchors, ...(own !== undefined && { identity: own }) };
    },
    judge: (shown, { anchors }) => proof.judge(shown, anchors),
  });
  return { endpoint, transport };
}

function send(
  world: ClientWorld,
  lines: readonly Line[],
  options: BootstrapClientOptions,
  { method, path, body, etag, safe }: Call,
  { signal, timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS }: CallOptions,
): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    'x-correlation-id': options.correlationId ?? uuidV4(world.random),
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(etag !== undefined && { 'if-none-match': etag }),
  };
  const request = { method, headers, maxBytes: MAX_REPLY_BYTES, signal, ...(body !== undefined && { body: canonicalBytes(body) }) };
  const attempts = { safe, timeoutMs, rounds: options.attempts ?? DEFAULT_ATTEMPTS, signal };
  return askInTurn(world, lines, attempts, async ({ endpoint, transport }, left) => {
    const what = `${endpoint.url.replace(/\/+$/, '')}: ${path.split('?', 1)[0]}`;
    const response = await transport.request({ ...request, path: `${endpoint.base}${path}`, timeoutMs: Math.min(left, ATTEMPT_MS) });
    return { response: assertSuccess(response, what), what, url: endpoint.url };
  });
}
