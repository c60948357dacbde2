/** Who holds a client certificate. It is asked for every request: TLS alone knows nothing of revocations, nor of what a certificate is for. */
import type { ADMIN_ACTIONS, AdminConfig } from '../core/realm/config.ts';
import type { Pin } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { unauthenticated } from '../core/join/problem.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { adminId } from '../core/x509/spiffe-id.ts';
import { certificateKey, type CertificateRecord, ISSUED_SERIAL, parseCertificateRecord } from './certificate-records.ts';
import { caChain } from './export-ca.ts';
import { assertKeyNotRevoked } from './join-identity.ts';
import type { Peer } from './join-peer.ts';
import type { JoinService } from './join-service.ts';
import { findNode, findNodeCertificate, type NodeCertificate } from './node-records.ts';
import type { Actor, Realm } from './realm.ts';
import { noteRefusal } from './refusals.ts';

export type AdminAction = (typeof ADMIN_ACTIONS)[number];

/** Is told what has been proved, as soon as it has. */
export interface Proof {
  authenticated: boolean;
  cluster?: string;
  node?: string;
  subject?: string;
  /** SPIFFE ID in the certificate. */
  identity?: string;
}

/**
 * The node that holds the certificate of the connection: issued here, not expired, not revoked, nor its node, nor its authority.
 * @throws ERR_JOIN_UNAUTHENTICATED without a certificate of this realm; ERR_CERTIFICATE_EXPIRED, ERR_CERTIFICATE_REVOKED,
 * ERR_CA_REVOKED, ERR_NODE_REVOKED, ERR_PEER_CERTIFICATE for one that is no node's
 */
export async function authenticateNode(service: JoinService, peer: Peer, proof?: Proof): Promise<NodeCertificate> {
  const { realm } = service;
  const record = await presented(realm, peer, proof);
  const node = record.profile === 'node' ? await findNodeCertificate(realm.store, record.serial) : undefined;
  if (node === undefined) {
    throw new JoineryError(
      'ERR_PEER_CERTIFICATE',
      `client certificate: expected one of a node that joined, found profile ${record.profile}`,
    );
  }
  if (proof !== undefined) Object.assign(proof, { cluster: node.cluster, node: node.node, identity: node.identity });
  const { record: current } = await findNode(realm.store, node.cluster, node.node);
  // The key of one certificate that leaked is the key of all of them.
  await assertKeyNotRevoked(realm.store, { pin: record.spki_pin as Pin });
  if (current?.revoked === undefined) return node;
  throw new JoineryError('ERR_NODE_REVOKED', `node ${node.node}: expected one that is not revoked, found it revoked`);
}

/**
 * {@link authenticateNode} for requests that read and are no attempt at anything: a refusal is noted, an answer is not.
 * @throws as it
 */
export async function authenticateReader(service: JoinService, peer: Peer): Promise<NodeCertificate> {
  const proof: Proof = { authenticated: false };
  try {
    return await authenticateNode(service, peer, proof);
  } catch (error) {
    await noteRefusal(service, error, { operation: 'read', peer, ...proof });
    throw error;
  }
}

/**
 * The admin that holds the certificate of the connection, if the configuration lets it do this.
 * @throws as {@link authenticateNode}; ERR_ADMIN_DENIED
 */
export async function authenticateAdmin(service: JoinService, peer: Peer, action: AdminAction, proof?: Proof): Promise<Actor> {
  const { realm } = service;
  const record = await presented(realm, peer, proof);
  if (record.profile !== 'admin') {
    throw new JoineryError('ERR_PEER_CERTIFICATE', `client certificate: expected one of an admin, found profile ${record.profile}`);
  }
  const admin = adminOf(realm, record);
  const name = (record.sans[0] as string).replace(/^URI:/, '');
  if (proof !== undefined) proof.identity = name;
  if (admin === undefined || !admin.may.includes(action)) {
    throw new JoineryError('ERR_ADMIN_DENIED', `admin: expected one that may do ${action}, found ${name}`, {
      hint: 'joinery.yaml says under admins who may do what',
    });
  }
  return { name, verified: true };
}

function adminOf({ config }: Realm, { sans }: CertificateRecord): AdminConfig | undefined {
  return (config.admins ?? []).find(({ name }) => sans.includes(`URI:${adminId(config.trust_domain, name)}`));
}

/** The record of exactly the certificate that the connection shows, in force. */
async function presented(realm: Realm, { certificate }: Peer, proof: Proof | undefined): Promise<CertificateRecord> {
  const record = certificate && (await issuedHere(realm, certificate));
  if (record === undefined) throw unauthenticated(undefined);
  if (proof !== undefined) Object.assign(proof, { authenticated: true, subject: record.serial });
  const { serial, not_after: notAfter, revoked, ca } = record;
  if (notAfter <= realm.clock.now()) {
    const until = formatInstant(notAfter as Instant);
    throw new JoineryError('ERR_CERTIFICATE_EXPIRED', `client certificate: expected one that has not expired, found one until ${until}`, {
      hint: 'an expired certificate is not renewed: join again with a new token',
    });
  }
  if (revoked !== undefined) {
    throw new JoineryError('ERR_CERTIFICATE_REVOKED', `client certificate: expected one that is not revoked, found ${serial} revoked`);
  }
  const above = (await caChain(realm, ca)).find((authority) => authority.record.revoked !== undefined);
  if (above === undefined) return record;
  const { name } = above.record;
  throw new JoineryError('ERR_CA_REVOKED', `client certificate: expected one of authorities that are not revoked, found ${name} revoked`);
}

async function issuedHere({ store }: Realm, { serialNumber, fingerprint }: Certificate): Promise<CertificateRecord | undefined> {
  // A serial number of another form is none of this realm's, and may be no key of the store.
  if (!ISSUED_SERIAL.test(serialNumber)) return undefined;
  const key = certificateKey(serialNumber);
  const entry = await store.get(key);
  const record = entry && parseCertificateRecord(key, entry.value);
  return record?.fingerprint === fingerprint ? record : undefined;
}
