/** What administrators ask of a server, with the certificate of `admin issue`: revoke, and mint where the configuration offers it. */
import type { JoinService } from '../app/join-service.ts';
import { mintRemotely } from '../app/mint-remotely.ts';
import { revokeRemotely } from '../app/revoke-remotely.ts';
import { JoineryError } from '../core/errors.ts';
import { asObject, messageOf, restPeer } from './join-routes.ts';
import { json } from './responses.ts';
import type { Route } from './router.ts';

export function adminRoutes(service: JoinService): readonly Route[] {
  return [
    {
      method: 'POST',
      path: '/v1/revocations',
      handle: async (request) => {
        const message = await messageOf(service, request, 'revoke', 'revoke');
        return json(200, asObject(await revokeRemotely(service, message, restPeer(request))));
      },
    },
    {
      method: 'POST',
      path: '/v1/tokens',
      handle: async (request) => {
        assertMints(service);
        const message = await messageOf(service, request, 'mint', 'mint');
        return json(201, asObject(await mintRemotely(service, message, restPeer(request))));
      },
    },
  ];
}

/** @throws ERR_ROUTE_NOT_FOUND */
function assertMints({ realm }: JoinService): void {
  if (realm.config.server?.tokens === true) return;
  throw new JoineryError('ERR_ROUTE_NOT_FOUND', 'path: expected a route that this server offers, found one that is off', {
    hint: 'server.tokens in joinery.yaml turns it on; the key that signs tokens must be online then',
  });
}
