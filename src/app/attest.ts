/** Evidence of a node, verified by the attestor of its provider and bound to the key in the request. */
import type { EnrolledNode } from '../core/attest/context.ts';
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { JoinRequest } from '../core/join/messages.ts';
import { integer, object, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { StoreCheck, StoreWrite } from '../core/ports.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import type { CertificationRequest } from '../core/x509/csr.ts';
import { authenticateNode } from './authenticate.ts';
import type { Run } from './join-run.ts';
import type { JoinService } from './join-service.ts';
import { attestationRecord, evidenceKey, type NodeGrant } from './node-records.ts';

export interface Attested {
  readonly grant: Pick<NodeGrant, 'attestation'>;
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
}

const NONE: Attested = { grant: {}, checks: [], writes: [] };

const used = object({
  spki_pin: string({ maxLength: 71 }),
  provider: string(),
  cluster: string(),
  node: string(),
  /** Instant from which on the attestor refuses it; absent: never. */
  until: optional(integer()),
});

/** What is remembered of evidence that counted. @throws ERR_REALM_MALFORMED */
export function parseUsedEvidence(key: string, value: JsonValue): Parsed<typeof used> {
  return parseDocument(used, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
}

export interface AttestedRequest {
  readonly csr: CertificationRequest;
  readonly cluster: string;
  readonly node: string;
}

/**
 * What the attestor proved; nothing where the request brings no evidence: whether it must is the policy's matter. Evidence counts for
 * the key that it came with first, and for no other.
 * @throws ERR_ATTESTATION_UNKNOWN, ERR_ATTESTATION_MALFORMED, ERR_ATTESTATION_FAILED, ERR_ATTESTATION_STALE,
 * ERR_ATTESTATION_UNAVAILABLE, ERR_ATTESTATION_REPLAYED
 */
export async function attest(
  service: JoinService,
  run: Run,
  given: JoinRequest['attestation'],
  { csr, cluster, node }: AttestedRequest,
): Promise<Attested> {
  if (given === undefined) return NONE;
  const { realm } = service;
  const { provider } = given;
  const evidence = withoutClaims(run, given.evidence);
  const now = realm.clock.now();
  const verified = await attestorOf(service, provider).attest(evidence, {
    csrSpki: csr.spki,
    cluster,
    nodeId: node,
    now,
    verifyChallenge: (nonce) => service.verifyChallenge(nonce),
    enrolledNode: (certificate) => enrolledNode(service, run, certificate),
  });
  const { replayableUntil: until } = verified;
  const key = evidenceKey(verified.digest);
  const entry = await realm.store.get(key);
  if (entry !== undefined && parseUsedEvidence(key, entry.value).spki_pin !== csr.pin) {
    throw new JoineryError('ERR_ATTESTATION_REPLAYED', 'attestation: expected evidence that no other key used, found used evidence', {
      details: { provider, digest: verified.digest },
    });
  }
  return {
    grant: { attestation: attestationRecord(verified, now) },
    checks: [{ key, version: entry?.version ?? 'absent' }],
    writes: [{ key, value: { spki_pin: csr.pin, provider, cluster, node, ...(until !== undefined && { until }) } }],
  };
}

function attestorOf({ attestors }: JoinService, provider: string) {
  const attestor = attestors.get(provider);
  if (attestor !== undefined) return attestor;
  const known = [...attestors.keys()].join(' or ') || 'none';
  throw new JoineryError('ERR_ATTESTATION_UNKNOWN', `attestation: expected ${known}, found ${provider}`);
}

/** Characters: a record of the audit log is no place for more. */
const MAX_CLAIMS = 4096;

/** `claims` in evidence is what the node says of itself: recorded, and kept from everything that decides. */
function withoutClaims(run: Run, given: JsonObject): JsonObject {
  const { claims, ...evidence } = given;
  if (claims === undefined) return given;
  if (!isJsonObject(claims) || canonicalJson(claims).length > MAX_CLAIMS) {
    throw new JoineryError(
      'ERR_ATTESTATION_MALFORMED',
      `evidence: claims: expected an object of at most ${MAX_CLAIMS} characters, found another value`,
    );
  }
  run.unverifiedClaims = claims;
  return evidence;
}

async function enrolledNode(service: JoinService, { peer }: Run, certificate: Certificate): Promise<EnrolledNode> {
  const { cluster, node, role, identity, serial } = await authenticateNode(service, { ...peer, certificate });
  return { cluster, node, role, identity, serial };
}
