/** The certificate of a node: what the policy of its cluster makes of who it is. Joins, renewals and OmniRelay's endpoint share it. */
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { formatInstant, type Instant, type Seconds } from '../core/time.ts';
import { evaluatePolicy, type PolicyAllowed, type PolicyRequest } from '../core/policy/evaluate.ts';
import { assertRole, clusterOf } from '../core/realm/config.ts';
import { parseAlternativeName } from '../core/x509/alternative-names.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import type { CertificationRequest } from '../core/x509/csr.ts';
import { PROFILES } from '../core/x509/profiles.ts';
import type { Run } from './join-run.ts';
import type { JoinService } from './join-service.ts';
import { type IssuedLeaf, leafChange, type LeafChange } from './leaf-issuer.ts';
import type { LoadedPolicy } from './load-policy.ts';
import { attestationOf, type NodeGrant, type NodeRecord, nodeWrites, revokedKeyKey } from './node-records.ts';
import type { Realm } from './realm.ts';

export interface NodeOrder {
  /** All of a node's grant but the identity, which the policy gives. */
  readonly grant: Omit<NodeGrant, 'identity'>;
  /** Its signature has been verified. */
  readonly csr: CertificationRequest;
  /** Of the token; absent for a renewal. */
  readonly tokenLifetime?: Seconds | null | undefined;
  /** Serial number of the certificate that it replaces. */
  readonly renews?: string | undefined;
  readonly before: NodeRecord | undefined;
}

export interface NodeIssue {
  readonly grant: NodeGrant;
  readonly leaf: IssuedLeaf;
  readonly decision: PolicyAllowed;
  readonly policy: LoadedPolicy;
  /** Records, checks and audit events, for the one commit of the request. */
  readonly change: LeafChange;
  /** DER. */
  readonly intermediates: readonly Uint8Array[];
}

/**
 * Asks the policy, then signs. Nothing is written.
 * @param realm acts for the request. @throws ERR_POLICY_DENIED, ERR_ROLE_UNKNOWN, ERR_CLUSTER_UNKNOWN, ERR_KEY_WEAK, ERR_KEY_KNOWN,
 * ERR_CERTIFICATE_*, ERR_CA_*, ERR_SERVER_ISSUER, ERR_PROVIDER_*, ERR_CSR_NAMES
 */
export async function issueNode(service: JoinService, realm: Realm, run: Run, order: NodeOrder): Promise<NodeIssue> {
  const { cluster: clusterName, role } = order.grant;
  const cluster = clusterOf(realm.config, clusterName);
  // A role may have been taken out of the configuration since the token was minted, or the certificate issued.
  assertRole(cluster, role);
  const policy = service.policies.current(clusterName);
  const decision = decide(realm, policy, order);
  run.step('policy');
  const issuer = await service.issuerOf(clusterName);
  const ask = order.renews === undefined ? issuer.issue : issuer.renew;
  const leaf = await ask({
    profile: PROFILES.node,
    names: namesOf(decision),
    publicKey: order.csr.publicKey,
    csr: order.csr.der,
    ttl: decision.lifetime ?? (cluster.node_lifetime as Seconds | undefined),
    renews: order.renews,
    what: 'csr',
  });
  const grant: NodeGrant = { ...order.grant, identity: decision.identity };
  const change = leafChange(realm, issuer, [leaf]);
  const writes = [...change.writes, ...nodeWrites(grant, leaf, realm.clock.now(), order.before)];
  run.step('sign');
  // Whoever revokes a certificate of the key in this moment is not overtaken by another one for it.
  const checks = [...change.checks, { key: revokedKeyKey(order.csr.pin), version: 'absent' as const }];
  return {
    grant,
    leaf,
    decision,
    policy,
    change: { ...change, checks, writes },
    intermediates: leaf.provided?.chain ?? issuer.intermediates,
  };
}

function decide({ config, clock }: Realm, { policy, name, version }: LoadedPolicy, { grant, tokenLifetime }: NodeOrder): PolicyAllowed {
  const request: PolicyRequest = {
    now: clock.now(),
    trustDomain: config.trust_domain,
    cluster: grant.cluster,
    role: grant.role,
    environment: config.environment.name,
    nodeId: grant.node,
    labels: grant.labels,
    attestation: grant.attestation && attestationOf(grant.attestation),
    attestedAt: grant.attestation && (grant.attestation.verified_at as Instant),
    tokenLifetime,
  };
  const decision = evaluatePolicy(policy, request);
  if (decision.allow) return decision;
  const { rule, reason, missing } = decision;
  throw new JoineryError(
    'ERR_POLICY_DENIED',
    `policy ${name} version ${version}: ${reason}${missing.length === 0 ? '' : `: ${missing.join('; ')}`}`,
    {
      hint: 'joinery policy explain shows every rule',
      details: { policy: name, version, rule, missing: [...missing] },
    },
  );
}

function namesOf({ identity, dnsNames, ipAddresses }: PolicyAllowed): readonly AlternativeName[] {
  return [
    { kind: 'uri', value: identity },
    ...dnsNames.map((host) => parseAlternativeName('dns', host, 'policy dnsNames')),
    ...ipAddresses.map((address) => parseAlternativeName('ip', address, 'policy ipAddresses')),
  ];
}

/** What the audit log says of an issue that a request led to. */
export function requestDetails(issue: NodeIssue, { peer, unverifiedClaims }: Run): JsonObject {
  const { transport, address } = peer;
  return { ...issueDetails(issue), transport, address, ...(unverifiedClaims !== undefined && { unverified_claims: unverifiedClaims }) };
}

/** What the audit log says of an issue. */
function issueDetails({ grant, leaf, decision, policy }: NodeIssue) {
  const { cluster, node, role, identity, token, attestation } = grant;
  return {
    cluster,
    node,
    role,
    identity,
    token,
    serial: leaf.serial,
    fingerprint: leaf.fingerprint,
    not_after: formatInstant(leaf.validity.notAfter),
    policy: policy.name,
    policy_version: policy.version,
    policy_rule: decision.rule,
    ...(attestation !== undefined && { attestation: attestation.provider, evidence: attestation.digest }),
  };
}
