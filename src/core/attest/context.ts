/** What verifies the evidence of one provider, and what it is told of the request that brings it. */
import type { JsonObject } from '../canonical-json.ts';
import type { VerifiedAttestation } from '../policy/attestation.ts';
import type { Instant } from '../time.ts';
import type { Certificate } from '../x509/certificate.ts';

/** A node that joined, and whose certificate is in force. */
export interface EnrolledNode {
  readonly cluster: string;
  readonly node: string;
  readonly role: string;
  /** SPIFFE ID. */
  readonly identity: string;
  /** Of the certificate, lower-case hex. */
  readonly serial: string;
}

export interface AttestationContext {
  /** DER of the SubjectPublicKeyInfo in the CSR. */
  readonly csrSpki: Uint8Array;
  readonly cluster: string;
  readonly nodeId: string;
  readonly now: Instant;
  /** True for a nonce that this server gave out (`POST /v1/challenge`) and that is not too old. */
  verifyChallenge(nonce: string): boolean;
  /** The node that a certificate was issued to: issued here, not expired, not revoked, nor its node. @throws what says why it is none */
  enrolledNode(certificate: Certificate): Promise<EnrolledNode>;
}

/** Verifies the evidence of one provider. */
export interface Attestor {
  /**
   * @throws ERR_ATTESTATION_FAILED for evidence that does not hold, ERR_ATTESTATION_MALFORMED, ERR_ATTESTATION_STALE,
   * ERR_ATTESTATION_UNAVAILABLE
   */
  attest(evidence: JsonObject, context: AttestationContext): Promise<VerifiedAttestation>;
}

export interface HttpsRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the anchors that must have issued the certificate of the server; default: those of the system. */
  readonly anchors?: string | undefined;
  readonly maxBytes: number;
}

/** One request over TLS, in bounded time, whose redirects are not followed. @throws ERR_ATTESTATION_UNAVAILABLE */
export type HttpsFetch = (request: HttpsRequest) => Promise<{ readonly status: number; readonly body: Uint8Array }>;
