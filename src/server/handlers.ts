/** A server as one function from requests to responses: for the listener of `server start`, for a service that mounts it, and for tests. */
import type { JoinService } from '../app/join-service.ts';
import type { PublicDocuments } from '../app/public-documents.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { addressGroup } from '../core/join/address-group.ts';
import type { HttpHandler, ServerRequest, ServerResponse } from '../core/join/http.ts';
import type { Challenge } from '../core/join/messages.ts';
import { isServerFault } from '../core/join/problem.ts';
import type { RateLimiter } from '../core/join/rate-limit.ts';
import { adminRoutes } from './admin-routes.ts';
import { joinRoutes } from './join-routes.ts';
import { omnirelayRoutes } from './omnirelay-routes.ts';
import { publicRoutes } from './public-routes.ts';
import { problemResponse } from './responses.ts';
import { type Find, router } from './router.ts';

export interface HandlerWorld {
  readonly documents: PublicDocuments;
  /** Limits how often an address may ask. */
  readonly perAddress: RateLimiter;
  newChallenge(): Challenge;
  /** Is told of every answer; `route` is a pattern, or `none`. */
  served(answer: { readonly transport: 'rest' | 'grpc'; readonly route: string; readonly status: number; readonly seconds: number }): void;
  /** Is told of what is not the caller's fault, of which the caller learns the code alone. */
  failed(error: unknown, request: Pick<ServerRequest, 'method' | 'path' | 'peer'>): void;
}

/** The REST half of a server (FORMATS 4). It answers every request and never rejects. */
export function createHandlers(service: JoinService, world: HandlerWorld): HttpHandler {
  const find = router([...publicRoutes(world), ...joinRoutes(service), ...adminRoutes(service), ...omnirelayRoutes(service)]);
  return async (request) => {
    const start = service.ticks();
    const seen = { route: 'none' };
    const response = await answer(world, find, request, seen);
    world.served({
      transport: request.peer.transport === 'grpc' ? 'grpc' : 'rest',
      route: seen.route,
      status: response.status,
      seconds: service.ticks() - start,
    });
    return response;
  };
}

async function answer(world: HandlerWorld, find: Find, request: ServerRequest, seen: { route: string }): Promise<ServerResponse> {
  const { correlationId, address } = request.peer;
  try {
    const { route, handle } = find(request);
    seen.route = route;
    assertRate(world.perAddress, address);
    return await handle(request);
  } catch (error) {
    if (!isJoineryError(error) || isServerFault(error.code)) world.failed(error, request);
    return withAllow(error, problemResponse(error, correlationId));
  }
}

/** @throws ERR_RATE_LIMITED */
export function assertRate(limiter: RateLimiter, address: string): void {
  const wait = limiter.take(addressGroup(address));
  if (wait === 0) return;
  throw new JoineryError('ERR_RATE_LIMITED', `address: expected fewer requests, found too many; the next may come in ${wait} s`, {
    details: { retry_after: wait },
  });
}

/** RFC 9110 section 15.5.6: a 405 names the methods. */
function withAllow(error: unknown, response: ServerResponse): ServerResponse {
  if (!isJoineryError(error, 'ERR_ROUTE_METHOD')) return response;
  return { ...response, headers: { ...response.headers, allow: (error.details['allow'] as readonly string[]).join(', ') } };
}
