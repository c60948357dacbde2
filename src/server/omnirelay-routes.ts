/** OmniRelay's bootstrap endpoint, as its own clients call it; there where the configuration has the shared key. */
import { joinOmnirelay } from '../app/join-omnirelay.ts';
import type { JoinService } from '../app/join-service.ts';
import { type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { ServerRequest, ServerResponse } from '../core/join/http.ts';
import { omnirelayProblem, readOmnirelayRequest } from '../core/join/omnirelay.ts';
import { asObject, restPeer } from './join-routes.ts';
import { json } from './responses.ts';
import type { Route } from './router.ts';

export function omnirelayRoutes(service: JoinService): readonly Route[] {
  return [{ method: 'POST', path: '/omnirelay/bootstrap/join', handle: (request) => join(service, request) }];
}

async function join(service: JoinService, request: ServerRequest): Promise<ServerResponse> {
  if (service.omnirelay === undefined)
    throw new JoineryError('ERR_ROUTE_NOT_FOUND', 'path: expected a route of this server, found another');
  try {
    return json(200, asObject(await joinOmnirelay(service, readOmnirelayRequest(bodyOf(request)), restPeer(request))));
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'bug') throw error;
    const { status, body } = omnirelayProblem(error);
    return json(status, body);
  }
}

/** What is no JSON is a request without a token, which is refused and counted as such. */
function bodyOf({ body }: ServerRequest): JsonValue {
  try {
    return parseStrictJson(decodeUtf8(body, 'request'), 'request');
  } catch {
    return null;
  }
}
