/** Gives a node its next certificate: who it is comes from the issuance record of the certificate that it presents, never from its CSR. */
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { JoinReply, RenewRequest } from '../core/join/messages.ts';
import { readCsrPem } from '../core/join/node-key.ts';
import { object, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { Store, StoreCheck } from '../core/ports.ts';
import type { Instant } from '../core/time.ts';
import { assertCsrSignature, type CertificationRequest } from '../core/x509/csr.ts';
import { attest } from './attest.ts';
import { authenticateNode } from './authenticate.ts';
import { certificateKey } from './certificate-records.ts';
import { issueNode, requestDetails } from './issue-node.ts';
import { assertKeyNotRevoked } from './join-identity.ts';
import type { Peer } from './join-peer.ts';
import { answerOf, parseAnswered, replyAgain, replyTo } from './join-reply.ts';
import { observed, type Run } from './join-run.ts';
import { type JoinService, realmOfPeer, retryConflicts } from './join-service.ts';
import { noteRenewal } from './renewal-alerts.ts';
import { asJson, findNode, MAX_LIVE_CERTIFICATES, type NodeCertificate, type NodeRecord, renewalKey } from './node-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

/** `renewal/<old serial>`: the one key that renewed a certificate, and what it was answered. */
const renewal = object({ spki_pin: string({ maxLength: 71 }), answer: { schema: {}, read: (value) => value as JsonObject } });

/**
 * Renews under mTLS. The same key again gets the same answer; the policy is asked again, with the evidence of the join unless the
 * request brings newer.
 * @throws ERR_JOIN_UNAUTHENTICATED, ERR_CSR_*, those of {@link authenticateNode}, ERR_RENEW_KEY, ERR_RENEW_SUPERSEDED, ERR_RATE_LIMITED, ERR_POLICY_DENIED,
 * ERR_ATTESTATION_*, ERR_NODE_REVOKED, ERR_KEY_*, ERR_CERTIFICATE_*
 */
export async function renewNode(service: JoinService, request: RenewRequest, peer: Peer): Promise<JoinReply> {
  return observed(service, peer, 'renew', async (run) => {
    const csr = readCsrPem(request.csr);
    return retryConflicts(service, () => renew(service, run, request, csr));
  });
}

async function renew(service: JoinService, run: Run, request: RenewRequest, csr: CertificationRequest): Promise<JoinReply> {
  const held = await presentedCheck(service.realm.store, run.peer);
  const old = await authenticateNode(service, run.peer, run);
  const realm = realmOfPeer(service, run.peer, old.identity);
  assertCsrSignature(csr, realm.verifySignature, 'csr');
  run.step('verify');
  const before = await answeredBefore(realm, old, csr);
  if (before !== undefined) {
    run.sameRequest = true;
    return replyAgain(service, parseAnswered(before.answer, `state.db, record ${renewalKey(old.serial)}`));
  }
  return renewFirst(service, run, { realm, old, held, csr, attestation: request.attestation });
}

/** That the certificate is as it was before it was judged: a revocation meanwhile makes the commit fail, and the next try sees it. */
async function presentedCheck(store: Store, { certificate }: Peer): Promise<readonly StoreCheck[]> {
  if (certificate === undefined) return [];
  const key = certificateKey(certificate.serialNumber);
  return [{ key, version: (await store.get(key))?.version ?? 'absent' }];
}

/** @throws ERR_RENEW_KEY: two machines hold the old key, or somebody took it. */
async function answeredBefore(
  { store }: Realm,
  { serial }: NodeCertificate,
  csr: CertificationRequest,
): Promise<Parsed<typeof renewal> | undefined> {
  const key = renewalKey(serial);
  const entry = await store.get(key);
  if (entry === undefined) return undefined;
  const found = parseDocument(renewal, entry.value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
  if (found.spki_pin === csr.pin) return found;
  throw new JoineryError('ERR_RENEW_KEY', `serial ${serial}: expected the key that renewed it before, found another`, {
    hint: 'if the node did not lose its new key, somebody else holds the old one: revoke the node',
    details: { serial },
  });
}

interface FirstRenewal {
  readonly realm: Realm;
  readonly old: NodeCertificate;
  readonly held: readonly StoreCheck[];
  readonly csr: CertificationRequest;
  readonly attestation: RenewRequest['attestation'];
}

async function renewFirst(service: JoinService, run: Run, { realm, old, held, csr, attestation }: FirstRenewal): Promise<JoinReply> {
  const { cluster, node, serial } = old;
  await assertKeyNotRevoked(realm.store, csr);
  const { record: before, check } = await findNode(realm.store, cluster, node);
  if (before?.epoch !== old.epoch) {
    throw new JoineryError(
      'ERR_RENEW_SUPERSEDED',
      `node ${node}: expected its own certificate, found one from before it joined under another key`,
    );
  }
  assertRoom(before, realm.clock.now());
  const evidence = await attest(service, run, attestation, { csr, cluster, node });
  const { role, labels, token, attestation: kept } = old;
  const grant = { cluster, node, role, labels, token, ...(kept !== undefined && { attestation: kept }), ...evidence.grant };
  await service.trustChains();
  const issue = await issueNode(service, realm, run, { grant, csr, renews: serial, before });
  const answer = answerOf(issue, run.peer.correlationId);
  const details = { ...requestDetails(issue, run), renews: serial };
  await commit(realm.store, {
    checks: [{ key: renewalKey(serial), version: 'absent' }, check, ...held, ...issue.change.checks, ...evidence.checks],
    writes: [...issue.change.writes, ...evidence.writes, { key: renewalKey(serial), value: { spki_pin: csr.pin, answer: asJson(answer) } }],
    audit: [...issue.change.audit, auditEvent(realm, { event: 'renew.accept', subject: node, details })],
  });
  run.step('commit');
  noteRenewal(service, run, { before, old, now: realm.clock.now() });
  return replyTo(service, answer, issue);
}

/**
 * Whoever holds a node could renew without end; its record has one, because a revocation of the node must find all certificates there.
 * @throws ERR_RATE_LIMITED until the first of them has ended
 */
function assertRoom({ node, certificates }: NodeRecord, now: Instant): void {
  const ends = certificates.map(({ not_after }) => not_after).filter((end) => end > now);
  if (ends.length < MAX_LIVE_CERTIFICATES) return;
  throw new JoineryError('ERR_RATE_LIMITED', `node ${node}: expected fewer certificates that have not ended, found ${ends.length}`, {
    hint: 'a certificate is renewed when two thirds of its life are over; who renewed this one so often?',
    details: { retry_after: Math.min(86_400, Math.min(...ends) - now) },
  });
}
