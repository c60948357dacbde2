/** Joining, renewing, and what nodes with a certificate ask and report. */
import { acceptJoin } from '../app/accept-join.ts';
import { authenticateReader } from '../app/authenticate.ts';
import type { JoinOperation, Peer } from '../app/join-peer.ts';
import { observed } from '../app/join-run.ts';
import type { JoinService } from '../app/join-service.ts';
import { listPeers } from '../app/peers.ts';
import { renewNode } from '../app/renew-node.ts';
import { revocationsSince } from '../app/revocations.ts';
import { recordTrustReport } from '../app/trust-reports.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { ServerRequest, ServerResponse } from '../core/join/http.ts';
import { type JoinReply, parseRequest, type RequestName, type RequestOf } from '../core/join/messages.ts';
import { parseChain, type TrustVersion } from '../core/trust/chain.ts';
import { openEnvelope } from '../core/trust/envelope.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { CHAIN_TYPE, json, jsonBody, matches, wantsChain } from './responses.ts';
import type { Route } from './router.ts';

/** Who sends a request, and how it came: gRPC hands its calls to the same routes. */
export function restPeer({ peer }: ServerRequest): Peer {
  return { ...peer, transport: peer.transport ?? 'rest' };
}

/** The message in a body. What cannot be read counts as a refused request, as every other does. @throws ERR_REQUEST_MALFORMED, ERR_REQUEST_TYPE */
export async function messageOf<N extends RequestName>(
  service: JoinService,
  request: ServerRequest,
  kind: N,
  operation: JoinOperation,
): Promise<RequestOf<N>> {
  try {
    return parseRequest(kind, jsonBody(request));
  } catch (error) {
    return observed<RequestOf<N>>(service, restPeer(request), operation, () => Promise.reject(error as Error));
  }
}

export function joinRoutes(service: JoinService): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/join',
      handle: async (request) => {
        const message = await messageOf(service, request, 'join', 'join');
        return joinResponse(request, await acceptJoin(service, message, restPeer(request)));
      },
    },
    {
      method: 'POST',
      path: '/v1/renew',
      handle: async (request) => {
        const message = await messageOf(service, request, 'renew', 'renew');
        return joinResponse(request, await renewNode(service, message, restPeer(request)));
      },
    },
    { method: 'GET', path: '/v1/peers', handle: (request) => peersResponse(service, request) },
    {
      method: 'POST',
      path: '/v1/trust-report',
      handle: async (request) => {
        const message = await messageOf(service, request, 'trust-report', 'report');
        return json(200, asObject(await recordTrustReport(service, message, restPeer(request))));
      },
    },
    {
      method: 'GET',
      path: '/v1/revocations',
      handle: async (request) => {
        await authenticateReader(service, restPeer(request));
        return json(200, asObject(await revocationsSince(service.realm, sinceOf(request))));
      },
    },
  ];
}

/** JSON, or on request the certificate and those above it in PEM, for nodes without a JSON parser (FORMATS 4). */
function joinResponse(request: ServerRequest, reply: JoinReply): ServerResponse {
  if (!wantsChain(request)) return json(200, asObject(reply));
  const headers = {
    'content-type': CHAIN_TYPE,
    'joinery-node-id': reply.node_id,
    'joinery-issued-at': reply.issued_at,
    'joinery-renew-after': reply.renew_after,
    'joinery-expires-at': reply.expires_at,
    'joinery-audit-id': reply.audit_id,
    'joinery-trust': PURPOSES.map((purpose) => `${purpose}=${newestVersion(reply, purpose)}`).join(', '),
  };
  return { status: 200, headers, body: `${reply.certificate_pem}${reply.chain_pem}` };
}

/** By which a node without a JSON parser sees that the server is behind it, or that it is behind the server. */
function newestVersion({ trust }: JoinReply, purpose: Purpose): number {
  // A chain has one version at least, and these are the realm's own.
  const { manifest } = parseChain(trust[purpose], purpose).at(-1) as TrustVersion;
  return openEnvelope(manifest, 'trust-bundle+jws', purpose).payload['trust_bundle_version'] as number;
}

async function peersResponse(service: JoinService, request: ServerRequest): Promise<ServerResponse> {
  const { cluster } = await authenticateReader(service, restPeer(request));
  const { reply, etag } = await listPeers(service, cluster);
  const headers = { etag, 'cache-control': 'private, no-cache' };
  return matches(request, etag) ? { status: 304, headers, body: '' } : json(200, asObject(reply), headers);
}

/** @throws ERR_REQUEST_MALFORMED */
function sinceOf({ query }: ServerRequest): number {
  const text = query.get('since') ?? '0';
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new JoineryError('ERR_REQUEST_MALFORMED', 'since: expected a number from 0 on, found something else');
}

/** A message is JSON; the compiler does not see it, because interfaces have no index signature. */
export function asObject(message: object): JsonObject {
  return message as JsonObject;
}
