/** Signs a certification request: what it asks for is shown beside what it gets, and nothing is copied without a rule. */
import type { Instant, Seconds } from '../core/time.ts';
import { assertCsrSignature, type CertificationRequest } from '../core/x509/csr.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { parseNameText } from '../core/x509/name-text.ts';
import { parseName } from '../core/x509/names.ts';
import { defaultSubject, PROFILES, type ProfileName, profileNames } from '../core/x509/profiles.ts';
import { compareRequest, type RequestComparison, requestedNames } from '../core/x509/sign-request.ts';
import { assertUsableKey } from '../core/x509/known-keys.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { type IssuedLeaf, leafChange, openLeafIssuer, shortenedWarning } from './leaf-issuer.ts';
import { commit, type Realm } from './realm.ts';

export interface SignCertificateInput {
  readonly csr: CertificationRequest;
  /** Names the request in errors. */
  readonly what: string;
  /** Name of the authority. */
  readonly ca: string;
  readonly profile: ProfileName;
  /** Names that the operator gives. */
  readonly names: readonly AlternativeName[];
  /** Take those names of the request that the profile lets through, beside the given ones. */
  readonly namesFromRequest: boolean;
  /** RFC 4514. */
  readonly subject?: string | undefined;
  readonly ttl?: Seconds | undefined;
  readonly notAfter?: Instant | undefined;
  /** Refuse instead of shortening. */
  readonly strict: boolean;
}

export interface SignPlan {
  readonly names: readonly AlternativeName[];
  /** DER of Name. */
  readonly subject: Uint8Array;
  readonly comparison: readonly RequestComparison[];
}

/**
 * What a request would get: its own signature and key are checked, its wishes compared. Signs nothing and needs no key.
 * @throws ERR_CSR_SIGNATURE, ERR_KEY_WEAK, ERR_KEY_KNOWN, ERR_CERTIFICATE_NAME, ERR_CERTIFICATE_PROFILE
 */
export function planSigning(realm: Pick<Realm, 'config' | 'verifySignature'>, input: SignCertificateInput): SignPlan {
  const { csr, what } = input;
  assertCsrSignature(csr, realm.verifySignature, what);
  assertUsableKey(csr.publicKey, what, csr.pin);
  const profile = PROFILES[input.profile];
  const given = input.namesFromRequest ? [...input.names, ...requestedNames(csr, profile)] : input.names;
  const names = profileNames(profile, given, realm.config.trust_domain);
  const subject =
    input.subject === undefined ? defaultSubject(names, realm.config.environment.name) : parseNameText(input.subject, '--subject');
  const source = input.namesFromRequest ? 'request' : 'operator';
  return { names, subject, comparison: compareRequest(csr, { profile, subject: parseName(subject, 'subject').text, names, source }) };
}

export interface SignCertificateResult {
  readonly leaf: IssuedLeaf;
  readonly record: CertificateRecord;
  /** DER, without the root. */
  readonly intermediates: readonly Uint8Array[];
  readonly comparison: readonly RequestComparison[];
  readonly warnings: readonly string[];
}

/** {@link planSigning}, then the certificate, and its record with the audit event in one commit. @throws as it and {@link openLeafIssuer} */
export async function signCertificate(realm: Realm, input: SignCertificateInput): Promise<SignCertificateResult> {
  const { names, subject, comparison } = planSigning(realm, input);
  const { ca, strict, csr, profile, ttl, notAfter, what } = input;
  const issuer = await openLeafIssuer(realm, ca, { strict });
  const leaf = await issuer.issue({ profile: PROFILES[profile], names, subject, publicKey: csr.publicKey, ttl, notAfter, what });
  const { records, ...change } = leafChange(realm, issuer, [leaf]);
  await commit(realm.store, change);
  const warning = shortenedWarning(issuer, leaf);
  return {
    leaf,
    record: records[0] as CertificateRecord,
    intermediates: issuer.intermediates,
    comparison,
    warnings: warning === undefined ? [] : [warning],
  };
}
