/** The port of an identity provider: an authority whose key is elsewhere. It is asked for what joinery has decided on, and believed in nothing. */
import type { ProviderConfig } from '../realm/provider-config.ts';
import type { RevocationReason } from '../x509/crl-writer.ts';

/** `joinery/provider-request/1`, to sign: what is to be in the certificate, word for word. */
export interface SigningRequest {
  readonly csr_pem: string;
  readonly uris: readonly string[];
  readonly dns_names: readonly string[];
  readonly ip_addresses: readonly string[];
  readonly not_after: string;
  /** Seconds until then. */
  readonly lifetime: number;
  /** Serial number of the certificate that is replaced. */
  readonly renews?: string;
}

/** A certificate of the provider that counts no more. */
export interface ProviderRevocation {
  /** Lower-case hex. */
  readonly serial: string;
  readonly certificate_pem: string;
  readonly reason: RevocationReason;
}

export interface ProvidedCertificate {
  readonly certificatePem: string;
  /** Authorities between the certificate and the root, in any order; with or without the root. May be empty. */
  readonly chainPem: string;
}

/**
 * Each method @throws ERR_PROVIDER_UNAVAILABLE when there is no answer in time, ERR_PROVIDER_REFUSED for a refusal, ERR_PROVIDER_CERTIFICATE
 * for an answer that cannot be read.
 */
export interface IdentityProvider {
  /** It signs what the request itself names, and nothing else: nodes must name themselves. */
  readonly namesFromRequest?: boolean;
  issue(request: SigningRequest): Promise<ProvidedCertificate>;
  /** As {@link issue}, in place of a certificate of the same node. */
  renew(request: SigningRequest): Promise<ProvidedCertificate>;
  /** Safe to repeat. @throws ERR_PROVIDER_CANNOT_REVOKE */
  revoke(revocation: ProviderRevocation): Promise<void>;
  /** PEM of the authorities that it signs with, or under. */
  trustBundle(): Promise<string>;
}

/** @param what names it in errors: `identity_provider of cluster prod`. Nothing is asked yet. */
export type OpenProvider = (config: ProviderConfig, what: string) => Promise<IdentityProvider>;
