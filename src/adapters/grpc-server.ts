/**
 * gRPC, gRPC-Web and Connect on the port of the listener, by connect. Every call of `joinery.v1.Bootstrap` is handed to the handler of
 * the REST call that it stands for, so that limits, authentication, audit and refusals are the same.
 */
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createConnectRouter,
  type HandlerContext,
  createContextKey,
  createContextValues,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from './connect.ts';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { utf8 } from '../core/encoding.ts';
import { ERRORS } from '../core/errors.ts';
import type { HttpHandler, HttpPeer } from '../core/join/http.ts';
import { parseReply } from '../core/join/messages.ts';
import { type Problem, problemOf } from '../core/join/problem.ts';
import { isCorrelationId } from '../core/names.ts';
import type { ServerLimits } from '../core/realm/server-config.ts';
import type { Secret } from '../core/secret.ts';
import { ClusterService } from '../proto/gen/gastrolog/v1/cluster_pb.ts';
import { ErrorInfoSchema } from '../proto/gen/google/rpc/error_info_pb.ts';
import { Bootstrap } from '../proto/gen/joinery/v1/bootstrap_pb.ts';
import { bytesOf, callHandler, type CallContext, jsonOf, Refusal, type RestCall, revocations, textOf } from './grpc-calls.ts';
import { capDeadline, MAX_DEADLINE_MS, refuseUnknown, withAllow } from './grpc-edges.ts';
import * as map from './grpc-messages.ts';
import { addressOf, certificateOf } from './http-connections.ts';
import { socketOf } from './http-exchange.ts';

/** What GastroLog's joining node sends, and gets. */
export interface GastrologEnrollment {
  readonly tokenSecret: string;
  readonly nodeId: Uint8Array;
  readonly nodeAddress: string;
}

export interface EnrolledMaterial {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: Secret;
}

export interface GrpcOptions {
  readonly handler: HttpHandler;
  /** Calls back after every revocation; stop with the function that is returned. */
  onRevocation(changed: () => void): () => void;
  /** Where GastroLog's endpoint is on. */
  readonly enroll?: ((request: GastrologEnrollment, peer: HttpPeer) => Promise<EnrolledMaterial>) | undefined;
  limits(): ServerLimits;
  newCorrelationId(): string;
}

export interface GrpcHandler {
  (request: Http2ServerRequest, response: Http2ServerResponse): void;
  /** Ends streams, which would never end by themselves: for a listener that stops. */
  endStreams(): void;
}

/** Streams at once: each holds a place among the requests of the listener. */
const MAX_STREAMS = 200;
/** Of one certificate: one node must not take the places of all others. */
const MAX_STREAMS_EACH = 10;

const CORRELATION = 'x-correlation-id';

const peerKey = createContextKey<HttpPeer>({ address: '', correlationId: 'none' });

/** For the listener's `grpc`: takes every call, also of services that are not there. */
export function grpcHandler(options: GrpcOptions): GrpcHandler {
  const ending = { controller: new AbortController() };
  const router = createConnectRouter({
    readMaxBytes: options.limits().body,
    // Requests are small, and what is not unpacked cannot be a bomb.
    acceptCompression: [],
    interceptors: [],
  });
  serveBootstrap(router, options, () => ending.controller.signal);
  serveGastrolog(router, options);
  const paths = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const handle = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const handler = paths.get((request.url ?? '').split('?', 1)[0] as string);
    if (handler === undefined) {
      refuseUnknown(request, response);
      return;
    }
    const unary = handler.method.methodKind === 'unary';
    const timers = endSlow(request, response, { requestMs: options.limits().request_timeout * 1000, unary });
    response.once('close', () => timers.forEach(clearTimeout));
    // Within the promise: the authority of a request is the peer's choice and may be no host at all.
    void Promise.resolve()
      .then(() => {
        const universal = universalRequestFromNodeRequest(request, response, undefined, contextOf(request, options));
        capDeadline(universal.header, unary);
        return handler(universal);
      })
      .then((answer) => universalResponseToNodeResponse(withAllow(answer), response))
      .catch(() => endBroken(request, response));
  };
  return Object.assign(handle, {
    endStreams: () => {
      ending.controller.abort();
      ending.controller = new AbortController();
    },
  });
}

/** What could not be read or written: the peer learns nothing but the end. */
function endBroken({ stream }: Partial<Http2ServerRequest>, response: Http2ServerResponse): void {
  if (stream === undefined) response.destroy();
  else if (!stream.closed) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
}

/** What is sent, or read, byte by byte holds its place no longer than with REST. */
function endSlow(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  { requestMs, unary }: { readonly requestMs: number; readonly unary: boolean },
): readonly NodeJS.Timeout[] {
  const end = (): void => {
    if (request.stream === undefined) response.destroy();
    else request.stream.close(constants.NGHTTP2_CANCEL);
  };
  const sent = setTimeout(() => {
    if (!request.complete) end();
  }, requestMs);
  // A stream of revocations is read for as long as its peer likes.
  return unary ? [sent, setTimeout(end, requestMs + MAX_DEADLINE_MS)] : [sent];
}

function contextOf(request: Http2ServerRequest, { newCorrelationId }: GrpcOptions) {
  const socket = socketOf(request);
  const given = request.headers[CORRELATION];
  const correlationId = typeof given === 'string' && isCorrelationId(given) ? given : newCorrelationId();
  const peer: HttpPeer = { address: addressOf(socket), correlationId, certificate: certificateOf(socket), transport: 'grpc' };
  return createContextValues().set(peerKey, peer);
}

type Call = Omit<RestCall, 'accept'>;

function serveBootstrap(router: ConnectRouter, options: GrpcOptions, ending: () => AbortSignal): void {
  const { handler } = options;
  const call = <T>(context: HandlerContext, work: (of: CallContext) => Promise<T>): Promise<T> => answer(context, work);
  const send = (of: CallContext, request: Call) => callHandler(handler, of, request);
  const post = async (of: CallContext, path: string, body: RestCall['body']) =>
    jsonOf(await send(of, { method: 'POST', path, body: body ?? {} }));
  const get = (of: CallContext, path: string) => send(of, { method: 'GET', path });
  const streams = new Set<HttpPeer>();
  router.service(Bootstrap, {
    createChallenge: (_sent, context) =>
      call(context, async (of) => map.challenge(parseReply('challenge', await post(of, '/v1/challenge', {})))),
    join: (sent, context) =>
      call(context, async (of) => map.joinReply(parseReply('join', await post(of, '/v1/join', map.joinRequest(sent))))),
    renew: (sent, context) =>
      call(context, async (of) => map.joinReply(parseReply('join', await post(of, '/v1/renew', map.renewRequest(sent))))),
    listPeers: ({ ifNoneMatch }, context) =>
      call(context, async (of) => {
        const answer = await send(of, { method: 'GET', path: '/v1/peers', ifNoneMatch });
        const etag = answer.headers['etag'] ?? '';
        return answer.status === 304 ? { unmodified: true, etag } : map.peersReply(parseReply('peers', jsonOf(answer)), etag);
      }),
    getTrust: ({ purpose, version, ifNoneMatch }, context) =>
      call(context, async (of) => {
        const path = `/v1/trust/${encodeURIComponent(purpose)}${version === undefined ? '' : `/${version}`}`;
        const answer = await send(of, { method: 'GET', path, ifNoneMatch });
        const etag = answer.headers['etag'] ?? '';
        return answer.status === 304 ? { unmodified: true, etag } : { etag, document: textOf(answer) };
      }),
    getCa: (_sent, context) => call(context, async (of) => map.caReply(parseReply('ca', jsonOf(await get(of, '/v1/ca'))))),
    getSpiffeBundle: (_sent, context) => call(context, async (of) => ({ document: textOf(await get(of, '/v1/spiffe-bundle')) })),
    getCrl: ({ issuer }, context) =>
      call(context, async (of) => ({ der: new Uint8Array(bytesOf(await get(of, `/v1/crl/${encodeURIComponent(issuer)}`))) })),
    reportTrust: (sent, context) =>
      call(context, async (of) => map.reportReply(parseReply('trust-report', await post(of, '/v1/trust-report', map.trustReport(sent))))),
    listRevocations: ({ since }, context) =>
      call(context, async (of) => {
        const answer = await send(of, { method: 'GET', path: '/v1/revocations', query: { since: String(since) } });
        const { revocations, next } = parseReply('revocations', jsonOf(answer));
        return { revocations: revocations.map(map.revocation), next: BigInt(next) };
      }),
    async *watchRevocations({ since }, context) {
      const of = contextFor(context);
      context.responseHeader.set(CORRELATION, of.peer.correlationId);
      const leave = takeStream(streams, of.peer);
      try {
        const signal = AbortSignal.any([of.signal, ending()]);
        for await (const entry of revocations(options, { ...of, signal }, Number(since))) yield map.revocation(entry);
        if (!of.signal.aborted) throw new ConnectError('the server is stopping', Code.Unavailable);
      } catch (error) {
        throw statusOf(error, of.peer.correlationId);
      } finally {
        leave();
      }
    },
    revoke: (sent, context) =>
      call(context, async (of) => map.revokeReply(parseReply('revoke', await post(of, '/v1/revocations', map.revokeRequest(sent))))),
    mintToken: (sent, context) =>
      call(context, async (of) => map.mintReply(parseReply('mint', await post(of, '/v1/tokens', map.mintRequest(sent))))),
  });
}

/** Takes a place among the open streams. @returns what gives it back. @throws ConnectError when none is left, of all or of this peer */
function takeStream(open: Set<HttpPeer>, peer: HttpPeer): () => void {
  const { certificate } = peer;
  const own = [...open].filter((other) => certificate !== undefined && other.certificate?.fingerprint === certificate.fingerprint);
  if (open.size >= MAX_STREAMS || own.length >= MAX_STREAMS_EACH) throw new ConnectError('too many streams', Code.ResourceExhausted);
  open.add(peer);
  return () => void open.delete(peer);
}

function serveGastrolog(router: ConnectRouter, { enroll }: GrpcOptions): void {
  if (enroll === undefined) return;
  router.service(ClusterService, {
    enroll: ({ tokenSecret, nodeId, nodeAddr }, context) =>
      answer(context, async ({ peer }) => {
        const request = { tokenSecret, nodeId, nodeAddress: nodeAddr };
        const { caPem, certificatePem, keyPem } = await enroll(request, { ...peer, transport: 'gastrolog' });
        return { caCertPem: bytes(caPem), clusterCertPem: bytes(certificatePem), clusterKeyPem: bytes(keyPem.reveal()) };
      }),
  });
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(utf8(text));

function contextFor({ values, signal }: HandlerContext): CallContext {
  return { peer: values.get(peerKey), signal };
}

async function answer<T>(context: HandlerContext, work: (of: CallContext) => Promise<T>): Promise<T> {
  const of = contextFor(context);
  try {
    const done = await work(of);
    // A refusal carries it itself: once.
    context.responseHeader.set(CORRELATION, of.peer.correlationId);
    return done;
  } catch (error) {
    throw statusOf(error, of.peer.correlationId);
  }
}

/** The status of a call that failed: code of the table of errors, and the rest as `google.rpc.ErrorInfo`. */
function statusOf(error: unknown, correlationId: string): ConnectError {
  if (error instanceof ConnectError) return error;
  return connectError(error instanceof Refusal ? error.problem : problemOf(error, { correlationId }));
}

/** gRPC's codes by the names of the table of errors. */
export const GRPC_CODES: Readonly<Record<string, Code>> = {
  cancelled: Code.Canceled,
  invalid_argument: Code.InvalidArgument,
  deadline_exceeded: Code.DeadlineExceeded,
  not_found: Code.NotFound,
  already_exists: Code.AlreadyExists,
  permission_denied: Code.PermissionDenied,
  resource_exhausted: Code.ResourceExhausted,
  failed_precondition: Code.FailedPrecondition,
  aborted: Code.Aborted,
  unimplemented: Code.Unimplemented,
  internal: Code.Internal,
  unavailable: Code.Unavailable,
  unauthenticated: Code.Unauthenticated,
};

function connectError({ code, title, detail, correlation_id, hint, retry_after, csr_names }: Problem): ConnectError {
  const metadata = {
    correlation_id,
    ...(hint !== undefined && { hint }),
    ...(retry_after !== undefined && { retry_after: String(retry_after) }),
    ...(csr_names !== undefined && { csr_names }),
  };
  const headers = { [CORRELATION]: correlation_id, ...(retry_after !== undefined && { 'retry-after': String(retry_after) }) };
  return new ConnectError(detail ?? title, GRPC_CODES[ERRORS[code].grpc] ?? Code.Unknown, headers, [
    { desc: ErrorInfoSchema, value: { reason: code, domain: 'joinery', metadata } },
  ]);
}
