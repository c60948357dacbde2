/** OmniRelay's way in: the same join, but the key is made here, and travels with the certificate in a PKCS #12 file. */
import { parsePem, toBase64, toBase64Url } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { MISSING_TOKEN, type OmnirelayReply, type OmnirelayRequest, omnirelayTime } from '../core/join/omnirelay.ts';
import type { JoinReply } from '../core/join/messages.ts';
import type { PortableKey } from '../core/key-ports.ts';
import { parseName } from '../core/names.ts';
import { Secret } from '../core/secret.ts';
import { type Instant, parseInstant } from '../core/time.ts';
import { parseOmnirelayPayload, splitOmnirelay } from '../core/token/omnirelay.ts';
import { acceptJoin } from './accept-join.ts';
import type { Peer } from './join-peer.ts';
import { observed } from './join-run.ts';
import type { JoinService, OmnirelayService } from './join-service.ts';
import { askNaming, csrNaming } from './named-request.ts';
import { activeTrust } from './show-trust.ts';

/**
 * Joins with an `omnirelay` token. Key and password exist in memory and in the reply, and nowhere else; every request is a new use.
 * @throws ERR_ROUTE_NOT_FOUND without the shared key, and as {@link acceptJoin}
 */
export async function joinOmnirelay(service: JoinService, request: OmnirelayRequest, from: Peer): Promise<OmnirelayReply> {
  const peer: Peer = { ...from, transport: 'omnirelay' };
  const { omnirelay } = service;
  if (omnirelay === undefined)
    throw new JoineryError('ERR_ROUTE_NOT_FOUND', 'expected a server that takes tokens of OmniRelay, found it off');
  const nodeId = await checked(service, request, peer);
  const key = omnirelay.portableKeys.generate('p256');
  const signing = key.signing();
  const reply = await askNaming(signing, await csrNaming(signing, []), (csr) =>
    acceptJoin(service, { token: request.token, csr, ...nodeId }, peer),
  );
  return bundle(service, omnirelay, { reply, key, token: request.token });
}

/** @throws ERR_TOKEN_MALFORMED, ERR_TOKEN_TOO_LARGE, ERR_REQUEST_MALFORMED, each noted as a refusal */
async function checked(service: JoinService, { token, nodeId }: OmnirelayRequest, peer: Peer): Promise<{ readonly node_id?: string }> {
  try {
    if (token === '') throw new JoineryError('ERR_TOKEN_MALFORMED', MISSING_TOKEN, { details: { failure: MISSING_TOKEN } });
    splitOmnirelay(token);
    return nodeId === undefined ? {} : { node_id: parseName(nodeId, 'nodeId') };
  } catch (error) {
    return observed<never>(service, peer, 'join', () => Promise.reject(error as Error));
  }
}

interface Joined {
  readonly reply: JoinReply;
  readonly key: PortableKey;
  readonly token: string;
}

async function bundle({ realm }: JoinService, { writePkcs12 }: OmnirelayService, { reply, key, token }: Joined): Promise<OmnirelayReply> {
  const password = new Secret(toBase64Url(realm.random.bytes(24)));
  const certificates = parsePem(`${reply.certificate_pem}${reply.chain_pem}`).map(({ der }) => der);
  const [encrypted] = parsePem(await key.toPem(password));
  const file = await writePkcs12({
    certificates,
    encryptedKey: (encrypted as NonNullable<typeof encrypted>).der,
    friendlyName: reply.node_id,
    password,
  });
  const { signed } = await activeTrust(realm, 'node-cert-lifecycle');
  const { clusterId, tokenId } = parseOmnirelayPayload(splitOmnirelay(token).payload);
  const time = (text: string): string => omnirelayTime(parseInstant(text) as Instant);
  return {
    clusterId,
    role: reply.role,
    identity: reply.identity,
    identityProvider: 'joinery',
    certificateData: toBase64(file),
    certificatePassword: password.reveal(),
    trustBundleData: signed.manifest.bundle_pem,
    seedPeers: reply.seed_peers.peers.map(({ address }) => address),
    metadata: reply.metadata,
    issuedAt: time(reply.issued_at),
    renewAfter: time(reply.renew_after),
    expiresAt: time(reply.expires_at),
    auditId: tokenId.replaceAll('-', '').toLowerCase(),
  };
}
