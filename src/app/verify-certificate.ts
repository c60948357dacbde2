/** Judges a certificate by its certification path: read-only, from files alone or under the authorities of a realm. */
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { type NamedBytes, readCertificateFile, readRevocationListFile } from '../core/x509/certificate-files.ts';
import type { ReferenceIdentity } from '../core/x509/identity.ts';
import { type PathRequest, type PathResult, validatePath } from '../core/x509/path.ts';
import { readCas } from './ca-records.ts';
import type { Realm } from './realm.ts';

export interface VerifyCertificateInput extends Pick<PathRequest, 'purpose' | 'revocation' | 'maxIntermediates' | 'profile' | 'policies'> {
  /** The certificate to judge, and after it, perhaps, its chain. */
  readonly file: NamedBytes;
  readonly intermediates: readonly NamedBytes[];
  /** Trust anchors; see {@link realmAuthorities} for those of a realm. */
  readonly anchors: readonly NamedBytes[];
  /** Consulted when there is at least one. */
  readonly crls: readonly NamedBytes[];
  readonly at: Instant;
  readonly identities: readonly ReferenceIdentity[];
}

/** The roots of a realm and the authorities below them. */
export interface Authorities {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
}

export async function realmAuthorities(realm: Pick<Realm, 'store'>): Promise<Authorities> {
  const all = await readCas(realm);
  const certificates = (root: boolean) => all.filter(({ record }) => (record.parent === undefined) === root).map((ca) => ca.certificate);
  return { anchors: certificates(true), intermediates: certificates(false) };
}

/**
 * @param authorities those of a realm, beside the files.
 * @returns the path, from the certificate to its anchor.
 * @throws ERR_CERTIFICATE_UNTRUSTED with fault, certificate and path in `details`; ERR_CERTIFICATE_MALFORMED, ERR_CRL_MALFORMED, ERR_PEM_MALFORMED
 */
export function verifyCertificate(
  verifySignature: VerifySignature,
  input: VerifyCertificateInput,
  authorities: Authorities = { anchors: [], intermediates: [] },
): readonly Certificate[] {
  const [leaf, ...chain] = readCertificateFile(input.file) as [Certificate, ...Certificate[]];
  const { at, purpose, identities, revocation, maxIntermediates, profile, policies } = input;
  const result = validatePath({
    leaf,
    intermediates: [...chain, ...input.intermediates.flatMap(readCertificateFile), ...authorities.intermediates],
    anchors: [...input.anchors.flatMap(readCertificateFile), ...authorities.anchors],
    crls: input.crls.length === 0 ? undefined : input.crls.flatMap(readRevocationListFile),
    at,
    verifySignature,
    purpose,
    identities,
    revocation,
    maxIntermediates,
    profile,
    policies,
  });
  if (result.ok) return result.path;
  throw untrusted(input.file.what, result);
}

function untrusted(what: string, result: Extract<PathResult, { ok: false }>): JoineryError {
  const { code: fault, reason, certificate, path } = result;
  return new JoineryError('ERR_CERTIFICATE_UNTRUSTED', `${what}: ${certificate.subject.text || '(no subject)'}: ${reason}`, {
    ...(fault === 'no-anchor' && { hint: 'name the missing certificates with --intermediate and the roots that you trust with --anchor' }),
    details: { fault, certificate: certificateSummary(certificate), path: path.map(certificateSummary) },
  });
}

/** What tells a certificate from another. */
export function certificateSummary(certificate: Certificate): JsonObject {
  return {
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: certificate.serialNumber,
    not_before: formatInstant(certificate.notBefore),
    not_after: formatInstant(certificate.notAfter),
    fingerprint: certificate.fingerprint,
  };
}
