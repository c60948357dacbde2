/** Revokes what an admin names from afar: a certificate, a node, or a token. */
import { JoineryError } from '../core/errors.ts';
import type { RevokeReply, RevokeRequest } from '../core/join/messages.ts';
import { authenticateAdmin } from './authenticate.ts';
import { certificateKey } from './certificate-records.ts';
import type { Peer } from './join-peer.ts';
import { observed } from './join-run.ts';
import { type JoinService, realmOfPeer, retryConflicts } from './join-service.ts';
import { fingerprintKey } from './node-records.ts';
import type { Realm } from './realm.ts';
import { type NamedNode, nodesOfIdentity } from './revocation-targets.ts';
import { revokeCertificate } from './revoke-certificate.ts';
import { revokeNode } from './revoke-node.ts';
import { revokeToken } from './revoke-token.ts';

/**
 * One commit for each certificate, node or token, by the name of the admin.
 * @throws ERR_JOIN_UNAUTHENTICATED, ERR_PEER_CERTIFICATE, ERR_ADMIN_DENIED, ERR_CERTIFICATE_*, ERR_NODE_NOT_FOUND, ERR_TOKEN_NOT_FOUND
 */
export async function revokeRemotely(service: JoinService, request: RevokeRequest, peer: Peer): Promise<RevokeReply> {
  return observed(service, peer, 'revoke', async (run) => {
    const action = request.token === undefined ? 'cert.revoke' : 'token.revoke';
    const actor = await authenticateAdmin(service, peer, action, run);
    run.step('verify');
    const realm = realmOfPeer(service, peer, actor.name);
    const reply = await retryConflicts(service, () => revoke(realm, request));
    run.step('commit');
    return reply;
  });
}

async function revoke(realm: Realm, request: RevokeRequest): Promise<RevokeReply> {
  const { token, node, cluster, spiffe_id: identity, reason } = request;
  if (token !== undefined) {
    const { id, already } = await revokeToken(realm, { id: token, ...(reason !== undefined && { reason }) });
    return { serials: [], token: id, already };
  }
  if (node !== undefined) return revokeNodes(realm, [{ cluster: cluster as string, node }], request);
  if (identity !== undefined) return revokeNodes(realm, await nodesOf(realm, identity), request);
  const named = request.serial ?? (await serialOf(realm, request.fingerprint as string));
  await assertNoAuthority(realm, named);
  const { serial, already } = await revokeCertificate(realm, { serial: named, reason });
  return { serials: already ? [] : [serial], already };
}

async function revokeNodes(realm: Realm, nodes: readonly NamedNode[], { reason }: RevokeRequest): Promise<RevokeReply> {
  const results = [];
  for (const node of nodes) results.push(await revokeNode(realm, { ...node, reason }));
  return { serials: results.flatMap(({ serials }) => serials), already: results.every(({ already }) => already) };
}

/** @throws ERR_NODE_NOT_FOUND */
async function nodesOf({ store }: Realm, identity: string): Promise<readonly NamedNode[]> {
  const found = await nodesOfIdentity(store, identity);
  if (found.length > 0) return found;
  throw new JoineryError('ERR_NODE_NOT_FOUND', `spiffe_id: expected the identity of a node that joined, found ${identity}`);
}

/**
 * An authority takes its whole fleet with it, and nothing brings it back: whoever may evict nodes may not do that from afar.
 * @throws ERR_CERTIFICATE_NOT_FOUND
 */
async function assertNoAuthority({ store }: Realm, serial: string): Promise<void> {
  if ((await store.get(certificateKey(serial))) !== undefined) return;
  throw new JoineryError(
    'ERR_CERTIFICATE_NOT_FOUND',
    `serial: expected the certificate of a node or admin of this realm, found ${serial}`,
    {
      hint: 'authorities are revoked where the realm is: joinery cert revoke',
    },
  );
}

/** @throws ERR_CERTIFICATE_NOT_FOUND */
async function serialOf({ store }: Realm, fingerprint: string): Promise<string> {
  const entry = await store.get(fingerprintKey(fingerprint));
  if (typeof entry?.value === 'string') return entry.value;
  throw new JoineryError('ERR_CERTIFICATE_NOT_FOUND', `fingerprint: expected one of a node certificate, found ${fingerprint}`, {
    hint: 'other certificates are revoked by their serial number',
  });
}
