/**
 * The one way in. REST, gRPC, OmniRelay's endpoint and offline enrollment call it: parse, verify the token, find out who the node may
 * be, attestation, policy, certificate, and then one commit of the use of the token, the issuance, the node and the audit records.
 */
import { JoineryError } from '../core/errors.ts';
import type { JoinReply, JoinRequest } from '../core/join/messages.ts';
import { keyThumbprintOf, readCsrPem } from '../core/join/node-key.ts';
import type { StoreCheck, StoreWrite } from '../core/ports.ts';
import { type Seconds } from '../core/time.ts';
import type { Grant } from '../core/token/grant.ts';
import { assertCsrSignature, type CertificationRequest } from '../core/x509/csr.ts';
import { attest } from './attest.ts';
import { findCluster } from './cluster-records.ts';
import { consumeToken, type Issued } from './consume-token.ts';
import { issueNode, type NodeIssue, requestDetails } from './issue-node.ts';
import { assertEntry, nodeIdOf } from './join-identity.ts';
import type { Peer } from './join-peer.ts';
import { answerOf, parseAnswered, replyAgain, replyTo } from './join-reply.ts';
import { observed, type Run } from './join-run.ts';
import { type JoinService, realmOfPeer, retryConflicts } from './join-service.ts';
import { asJson } from './node-records.ts';
import { auditEvent, type Realm } from './realm.ts';
import { outlineGrant } from './verify-grant.ts';

/**
 * Lets a node in, or gives the same key the same answer again. A refused request writes nothing but, for an authentic token, its
 * audit record.
 * @throws ERR_CSR_*, ERR_TOKEN_*, ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_RATE_LIMITED, ERR_NODE_EXISTS, ERR_NODE_REVOKED,
 * ERR_ATTESTATION_*, ERR_POLICY_DENIED, ERR_KEY_*, ERR_CERTIFICATE_*; ERR_JOIN_UNAUTHENTICATED instead of all that, to a remote
 * caller whose token is not authentic.
 */
export async function acceptJoin(service: JoinService, request: JoinRequest, peer: Peer): Promise<JoinReply> {
  return observed(service, peer, 'join', async (run) => {
    const csr = readCsrPem(request.csr);
    return retryConflicts(service, () => admit(service, run, request, csr));
  });
}

async function admit(service: JoinService, run: Run, request: JoinRequest, csr: CertificationRequest): Promise<JoinReply> {
  const realm = realmOfPeer(service, run.peer);
  // Read, not yet verified: below it is verified as what it says here, and it is the same text.
  const { omnirelay } = service;
  const opened = { token: request.token, ...(omnirelay !== undefined && { omnirelay }) };
  const outline = await outlineGrant(realm, opened);
  const cluster = clusterName(realm, outline, request);
  const node = nodeIdOf(outline, request, csr);
  const { role } = outline;
  const made: { issue?: NodeIssue } = {};
  const { decision, result } = await consumeToken(
    realm,
    {
      ...opened,
      cluster,
      role,
      node: request.node_id ?? node,
      keyThumbprint: keyThumbprintOf(csr.publicKey),
      onAuthentic: () => {
        if (run.authenticated) return;
        Object.assign(run, { authenticated: true, cluster, node, subject: outline.id });
        service.admitToken(outline.id);
        assertGranted(outline, request);
      },
    },
    async (grant) => {
      run.step('verify');
      assertCsrSignature(csr, realm.verifySignature, 'csr');
      assertNarrower(realm, grant, request);
      await assertUsableToken(realm, grant, cluster);
      // A realm that cannot answer must not take the token.
      await service.trustChains();
      const entry = await assertEntry(realm.store, { cluster, node, csr, grant }, realm.clock.now());
      const evidence = await attest(service, run, request.attestation, { csr, cluster, node });
      const order = {
        grant: { cluster, node, role, labels: grant.labels, token: `${grant.format}/${grant.id}`, ...evidence.grant },
        csr,
        tokenLifetime: grant.expiresAt === null ? null : ((grant.expiresAt - grant.issuedAt) as Seconds),
        before: entry.record,
      };
      made.issue = await issueNode(service, realm, run, order);
      return committed(realm, run, made.issue, { checks: [entry.check, ...evidence.checks], writes: evidence.writes });
    },
  );
  run.step('commit');
  const answer = parseAnswered(result, 'state.db, use of the token');
  if (answer.cluster !== cluster) throw otherRequest();
  if (decision === 'accepted') return replyTo(service, answer, made.issue as NodeIssue);
  // Whoever only saw the public key of a node must not be told what that node was.
  assertCsrSignature(csr, realm.verifySignature, 'csr');
  run.sameRequest = true;
  return replyAgain(service, answer);
}

interface Extra {
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
}

function committed(realm: Realm, run: Run, issue: NodeIssue, extra: Extra): Issued {
  const { change } = issue;
  const { peer } = run;
  const details = requestDetails(issue, run);
  return {
    result: asJson(answerOf(issue, peer.correlationId)),
    checks: [...change.checks, ...extra.checks],
    writes: [...change.writes, ...extra.writes],
    audit: [...change.audit, auditEvent(realm, { event: 'join.accept', subject: issue.grant.node, details })],
  };
}

/** The cluster that is meant, as the configuration spells it. One that the token does not grant is refused once the token is authentic. */
function clusterName({ config }: Realm, { format, clusters }: Grant, { cluster }: JoinRequest): string {
  const wanted = cluster !== undefined && grants(clusters, format, cluster) ? cluster : (clusters[0] as string);
  if (format !== 'omnirelay') return wanted;
  return config.clusters.find(({ name }) => name.toLowerCase() === wanted.toLowerCase())?.name ?? wanted;
}

/** OmniRelay's tokens are compared without case (FORMATS 1). */
function grants(clusters: readonly string[], format: Grant['format'], cluster: string): boolean {
  return clusters.includes(format === 'omnirelay' ? cluster.toLowerCase() : cluster);
}

/** What the request names may be what the token grants. @throws ERR_TOKEN_AUDIENCE, ERR_TOKEN_ROLE */
function assertGranted({ format, clusters, role }: Grant, { cluster, requested_role: wanted = role }: JoinRequest): void {
  if (cluster === undefined && clusters.length > 1) {
    throw new JoineryError('ERR_TOKEN_AUDIENCE', `cluster: expected one of ${clusters.join(', ')} named in the request, found none`, {
      hint: 'a token of several clusters needs the member cluster in the request',
    });
  }
  if (cluster !== undefined && !grants(clusters, format, cluster)) {
    throw new JoineryError('ERR_TOKEN_AUDIENCE', `token claim aud: expected ${cluster}, found ${clusters.join(', ')}`);
  }
  if (wanted !== role) throw new JoineryError('ERR_TOKEN_ROLE', `token claim role: expected ${wanted}, found ${role}`);
}

/** The token that `cluster init` made is reusable and may never end: it gives the shared certificate and no other (FORMATS 1). */
async function assertUsableToken({ store }: Realm, { format, id }: Grant, cluster: string): Promise<void> {
  if (format !== 'secure') return;
  const shared = await findCluster(store, cluster);
  if (shared?.record.token !== id) return;
  throw new JoineryError('ERR_JOIN_FORMAT', 'token: expected one that gives node certificates, found the one of the shared certificate', {
    details: { format, id },
  });
}

/** @throws ERR_TOKEN_ENVIRONMENT, ERR_TOKEN_LABELS */
function assertNarrower({ config }: Realm, grant: Grant, { environment, labels = {} }: JoinRequest): void {
  if (environment !== undefined && environment !== config.environment.name) {
    throw new JoineryError('ERR_TOKEN_ENVIRONMENT', `environment: expected ${config.environment.name}, found ${environment}`);
  }
  const wrong = Object.entries(labels).find(([label, value]) => !Object.hasOwn(grant.labels, label) || grant.labels[label] !== value);
  if (wrong === undefined) return;
  throw new JoineryError('ERR_TOKEN_LABELS', `labels: expected those that the token grants or fewer, found ${wrong[0]}`);
}

function otherRequest(): JoineryError {
  return new JoineryError('ERR_TOKEN_USE_CONFLICT', 'token: expected the same cluster as when this key used it first, found another');
}
