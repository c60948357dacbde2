/** Mints a join token for an admin from afar; the key that signs must be online. */
import type { MintReply, MintRequest } from '../core/join/messages.ts';
import { formatInstant, type Instant, type Seconds } from '../core/time.ts';
import { authenticateAdmin } from './authenticate.ts';
import type { Peer } from './join-peer.ts';
import { observed } from './join-run.ts';
import { type JoinService, realmOfPeer } from './join-service.ts';
import { mintToken, type MintTokenInput } from './mint-token.ts';

/**
 * The token is in the reply and nowhere else; the register holds what it grants.
 * @throws ERR_JOIN_UNAUTHENTICATED, ERR_PEER_CERTIFICATE, ERR_ADMIN_DENIED, and what minting throws
 */
export async function mintRemotely(service: JoinService, request: MintRequest, peer: Peer): Promise<MintReply> {
  return observed(service, peer, 'mint', async (run) => {
    const actor = await authenticateAdmin(service, peer, 'token.mint', run);
    run.step('verify');
    const realm = realmOfPeer(service, peer, actor.name);
    const { token, claims } = await mintToken(realm, inputOf(request));
    run.step('commit');
    return { token: token.reveal(), id: claims.jti, expires_at: formatInstant(claims.exp as Instant) };
  });
}

function inputOf({ cluster, role, node, ttl, max_uses: maxUses, allow_reentry: allowReentry, labels }: MintRequest): MintTokenInput {
  return {
    clusters: [cluster],
    role,
    ...(node !== undefined && { node }),
    ...(ttl !== undefined && { ttl: ttl as Seconds }),
    ...(maxUses !== undefined && { maxUses }),
    ...(allowReentry !== undefined && { allowReentry }),
    ...(labels !== undefined && { labels }),
  };
}
