/** The reply to a join or a renewal, made from what is stored: a repeated request gets what the first one got. */
import type { JsonValue } from '../core/canonical-json.ts';
import type { Pin } from '../core/digest.ts';
import { fromBase64, toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { JoinReply } from '../core/join/messages.ts';
import { scheduleText } from '../core/join/renewal.ts';
import { object, type Parsed, parseDocument, record, string } from '../core/parse.ts';
import type { Instant } from '../core/time.ts';
import { certificateKey, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { caChain } from './export-ca.ts';
import { assertKeyNotRevoked } from './join-identity.ts';
import { chainPem } from './issue-certificates.ts';
import { type JoinService, seedPeersOf } from './join-service.ts';
import { findNode } from './node-records.ts';
import type { NodeIssue } from './issue-node.ts';
import type { Realm } from './realm.ts';

/** What is stored with the use of a token, or with a renewal, to answer the same request again. */
const answered = object({
  cluster: string({ maxLength: 63 }),
  node: string({ maxLength: 63 }),
  role: string({ maxLength: 63 }),
  identity: string({ maxLength: 2048 }),
  serial: string({ maxLength: 40 }),
  metadata: record(string({ maxLength: 1024 })),
  audit_id: string({ maxLength: 128 }),
});

export type Answered = Parsed<typeof answered>;

export function answerOf({ grant, leaf, decision }: NodeIssue, auditId: string): Answered {
  const { cluster, node, role, identity } = grant;
  return { cluster, node, role, identity, serial: leaf.serial, metadata: decision.metadata, audit_id: auditId };
}

/** @throws ERR_REALM_MALFORMED */
export function parseAnswered(value: JsonValue | undefined, what: string): Answered {
  return parseDocument(answered, value as JsonValue, what, 'ERR_REALM_MALFORMED');
}

/** The reply to a request that was just answered. */
export async function replyTo(service: JoinService, answer: Answered, { leaf, intermediates }: NodeIssue): Promise<JoinReply> {
  const { notAfter } = leaf.validity;
  return reply(service, answer, {
    certificate: toPem('CERTIFICATE', leaf.der),
    chain: chainPem(intermediates),
    issuedAt: service.realm.clock.now(),
    notAfter,
  });
}

/**
 * The reply to a request that was answered before.
 * @throws ERR_NODE_REVOKED, ERR_CERTIFICATE_REVOKED, ERR_CA_REVOKED, ERR_REALM_MALFORMED
 */
export async function replyAgain(service: JoinService, answer: Answered): Promise<JoinReply> {
  const { realm } = service;
  const issued = await unrevoked(realm, answer);
  const chain = await caChain(realm, issued.ca);
  const revoked = chain.find(({ record }) => record.revoked !== undefined);
  if (revoked !== undefined) {
    const { name } = revoked.record;
    throw new JoineryError('ERR_CA_REVOKED', `certificate: expected one of authorities that are not revoked, found ${name} revoked`, {
      hint: 'make a new key on the node and mint a new token',
    });
  }
  const ours = chain.filter(({ certificate }) => !certificate.selfIssued).map(({ certificate }) => certificate.der);
  const intermediates = issued.provided?.chain.map((der) => fromBase64(der)) ?? ours;
  return reply(service, answer, {
    certificate: toPem('CERTIFICATE', fromBase64(issued.certificate)),
    chain: chainPem(intermediates),
    issuedAt: issued.issued_at as Instant,
    notAfter: issued.not_after as Instant,
  });
}

async function unrevoked({ store }: Realm, { cluster, node, serial }: Answered): Promise<CertificateRecord> {
  const key = certificateKey(serial);
  const issued = parseCertificateRecord(key, (await store.get(key))?.value as JsonValue);
  if (issued.revoked !== undefined) {
    throw new JoineryError(
      'ERR_CERTIFICATE_REVOKED',
      `serial ${serial}: expected the certificate of this key not revoked, found it revoked`,
      {
        hint: 'make a new key on the node and mint a new token',
      },
    );
  }
  await assertKeyNotRevoked(store, { pin: issued.spki_pin as Pin });
  const { record: found } = await findNode(store, cluster, node);
  if (found?.revoked === undefined) return issued;
  throw new JoineryError('ERR_NODE_REVOKED', `node ${node}: expected one that is not revoked, found it revoked`);
}

interface Issued {
  readonly certificate: string;
  readonly chain: string;
  readonly issuedAt: Instant;
  readonly notAfter: Instant;
}

async function reply(service: JoinService, answer: Answered, issued: Issued): Promise<JoinReply> {
  const { cluster, node, role, identity, metadata, audit_id } = answer;
  return {
    cluster,
    role,
    node_id: node,
    identity,
    certificate_pem: issued.certificate,
    chain_pem: issued.chain,
    trust: await service.trustChains(),
    seed_peers: seedPeersOf(service, cluster),
    metadata,
    ...scheduleText(issued.issuedAt, issued.notAfter),
    audit_id,
  };
}
