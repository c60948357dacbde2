/** Evidence of a node, verified by the attestor of its provider and bound to the key in the request. */
import { JoineryError } from '../core/errors.ts';
import type { JoinRequest } from '../core/join/messages.ts';
import { object, parseDocument, string } from '../core/parse.ts';
import type { StoreCheck, StoreWrite } from '../core/ports.ts';
import type { CertificationRequest } from '../core/x509/csr.ts';
import type { JoinService } from './join-service.ts';
import { attestationRecord, evidenceKey, type NodeGrant } from './node-records.ts';

export interface Attested {
  readonly grant: Pick<NodeGrant, 'attestation'>;
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
}

const NONE: Attested = { grant: {}, checks: [], writes: [] };

const used = object({ spki_pin: string({ maxLength: 71 }), provider: string(), cluster: string(), node: string() });

/**
 * What the attestor proved; nothing where the request brings no evidence: whether it must is the policy's matter. Evidence counts for
 * the key that it came with first, and for no other.
 * @throws ERR_ATTESTATION_UNKNOWN, ERR_ATTESTATION_FAILED, ERR_ATTESTATION_REPLAYED
 */
export async function attest(
  service: JoinService,
  given: JoinRequest['attestation'],
  { csr, cluster, node }: { readonly csr: CertificationRequest; readonly cluster: string; readonly node: string },
): Promise<Attested> {
  if (given === undefined) return NONE;
  const { realm, attestors } = service;
  const { provider, evidence } = given;
  const attestor = attestors.get(provider);
  if (attestor === undefined) {
    throw new JoineryError(
      'ERR_ATTESTATION_UNKNOWN',
      `attestation: expected ${[...attestors.keys()].join(' or ') || 'none'}, found ${provider}`,
    );
  }
  const now = realm.clock.now();
  const verifyChallenge = (nonce: string): boolean => service.verifyChallenge(nonce);
  const verified = await attestor.attest(evidence, { csrSpki: csr.spki, nodeId: node, now, verifyChallenge });
  const key = evidenceKey(verified.digest);
  const entry = await realm.store.get(key);
  if (entry !== undefined && parseDocument(used, entry.value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED').spki_pin !== csr.pin) {
    throw new JoineryError('ERR_ATTESTATION_REPLAYED', 'attestation: expected evidence that no other key used, found used evidence', {
      details: { provider, digest: verified.digest },
    });
  }
  return {
    grant: { attestation: attestationRecord(verified, now) },
    checks: [{ key, version: entry?.version ?? 'absent' }],
    writes: [{ key, value: { spki_pin: csr.pin, provider, cluster, node } }],
  };
}
