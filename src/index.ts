/**
 * The public library: what a service needs to check what joinery makes, with the same rules and the same errors as the command line.
 * Signature checks are handed in as ports; the ones that joinery itself uses are exported beside them. A service hosts bootstrap servers by
 * createBootstrapServer and calls them by createBootstrapClient.
 */
export { gunzip } from './adapters/gzip.ts';
export { verifyJws } from './adapters/jose.ts';
export type { BootstrapServer, BootstrapServerOptions, MountedServer } from './bootstrap-server.ts';
export { createBootstrapServer } from './lazy-server.ts';
export { createBootstrapClient } from './bootstrap-client.ts';
export type { BootstrapClient, BootstrapClientOptions } from './client/client.ts';
export {
  createNodeClient,
  type IdentitySource,
  identitySource,
  joinNode,
  renewNode,
  type WorkloadSourceOptions,
} from './identity-source.ts';
export type { JoinedNode, JoinNodeInput } from './client/join-node.ts';
export type { RenewedNode, RenewNodeInput } from './client/renew-node.ts';
export type { EvidenceRequest, EvidenceSource } from './client/evidence.ts';
export type { ServerTrust } from './client/server-trust.ts';
export type { AttestationContext, Attestor, EnrolledNode } from './core/attest/context.ts';
export type { VerifiedAttestation } from './core/policy/attestation.ts';
export { Secret } from './core/secret.ts';
export { verifySignature } from './adapters/signatures.ts';
export { canonicalBytes, canonicalJson, type JsonObject, type JsonValue, parseStrictJson } from './core/canonical-json.ts';
export { type Digest, digestOf, type Fingerprint, fingerprintOf, parseDigest, type Pin, pinOf } from './core/digest.ts';
export { type ErrorCode, type ErrorFamily, ERRORS, EXIT_STATUS, isJoineryError, JoineryError } from './core/errors.ts';
export { jwkThumbprint, parsePublicJwk, publicJwk, type PublicJwk, spkiOfJwk } from './core/jwk.ts';
export { formatInstant, type Instant, instant, parseInstant, type Seconds } from './core/time.ts';
export { verifyConsistency, verifyInclusion } from './core/audit/merkle.ts';
export { openNote, parseVerifierKey } from './core/audit/checkpoint.ts';
export { verifyPackageFiles } from './core/onboarding/verify.ts';
export { verifyJwt } from './core/token/verify.ts';
export { canonicalBundle } from './core/trust/bundle.ts';
export { readManifest } from './core/trust/manifest.ts';
export { walkTrust } from './core/trust/walk.ts';
export { type Certificate, parseCertificate } from './core/x509/certificate.ts';
