/** The identity of a node as the SPIFFE Workload API gives it out: DER, one after the other. */
import { concat, parsePem } from '../encoding.ts';
import type { Secret } from '../secret.ts';
import { parseSpiffeId, trustDomainId } from '../x509/spiffe-id.ts';

export interface WorkloadIdentity {
  readonly spiffeId: string;
  /** `spiffe://` and the trust domain. */
  readonly trustDomain: string;
  /** The certificate, then its authorities. */
  readonly svid: Uint8Array;
  /** PKCS #8, not encrypted. */
  readonly key: Uint8Array;
  /** Anchors of node-cert-lifecycle. */
  readonly bundle: Uint8Array;
}

export interface IdentityTexts {
  /** SPIFFE ID. */
  readonly identity: string;
  readonly key: Secret;
  /** PEM, the leaf first. */
  readonly certificates: string;
  /** PEM. */
  readonly anchors: string;
}

/** @throws ERR_PEM_MALFORMED, ERR_CERTIFICATE_* */
export function workloadIdentity({ identity, key, certificates, anchors }: IdentityTexts): WorkloadIdentity {
  const der = (pem: string, what: string): Uint8Array => concat(...parsePem(pem, what).map((block) => block.der));
  return {
    spiffeId: identity,
    trustDomain: trustDomainId(parseSpiffeId(identity, 'identity').trustDomain),
    svid: der(certificates, 'node.crt'),
    key: der(key.reveal(), 'node.key'),
    bundle: der(anchors, 'anchors'),
  };
}
