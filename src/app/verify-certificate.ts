/** Judges a certificate by its certification path: read-only, from files alone or under the authorities of a realm. */
import type { JsonObject } from '../core/canonical-json.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { type NamedBytes, readCertificateFile, readCertificatePool, readRevocationListFile } from '../core/x509/certificate-files.ts';
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
 * @throws ERR_CERTIFICATE_UNTRUSTED with valid, fault, reason, certificate and path in `details`, the fault `malformed` for the certificate,
 *   an anchor or a list; ERR_PEM_MALFORMED
 */
export function verifyCertificate(
  verifySignature: VerifySignature,
  input: VerifyCertificateInput,
  authorities: Authorities = { anchors: [], intermediates: [] },
): readonly Certificate[] {
  const result = validatePath(readRequest(verifySignature, input, authorities));
  if (result.ok) return result.path;
  throw untrusted(input.file.what, result);
}

function readRequest(verifySignature: VerifySignature, input: VerifyCertificateInput, authorities: Authorities): PathRequest {
  const { at, purpose, identities, revocation, maxIntermediates, profile, policies } = input;
  const [leaf, ...chain] = judged(() => readCertificateFile(input.file)) as [Certificate, ...Certificate[]];
  return {
    leaf,
    intermediates: [...chain, ...input.intermediates.flatMap(readCertificatePool), ...authorities.intermediates],
    anchors: [...judged(() => input.anchors.flatMap(readCertificateFile)), ...authorities.anchors],
    crls: input.crls.length === 0 ? undefined : judged(() => input.crls.flatMap(readRevocationListFile)),
    at,
    verifySignature,
    purpose,
    identities,
    revocation,
    maxIntermediates,
    profile,
    policies,
  };
}

/** A structure that breaks the form of X.509 is a verdict too, not an accident of reading. */
function judged<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isJoineryError(cause, 'ERR_CERTIFICATE_MALFORMED') && !isJoineryError(cause, 'ERR_CRL_MALFORMED')) throw cause;
    const details = { valid: false, fault: 'malformed', reason: cause.message, path: [] };
    throw new JoineryError('ERR_CERTIFICATE_UNTRUSTED', cause.message, { cause, details });
  }
}

function untrusted(what: string, result: Extract<PathResult, { ok: false }>): JoineryError {
  const { code: fault, reason, certificate, path } = result;
  return new JoineryError('ERR_CERTIFICATE_UNTRUSTED', `${what}: ${certificate.subject.text || '(no subject)'}: ${reason}`, {
    ...(fault === 'no-anchor' && { hint: 'name the missing certificates with --intermediate and the roots that you trust with --anchor' }),
    details: { valid: false, fault, reason, certificate: certificateSummary(certificate), path: path.map(certificateSummary) },
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
