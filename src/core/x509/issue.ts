/** Signing a template: lint under a throw-away key, then the real signature, then a second reading by other code. */
import { equalBytes, toHex } from '../encoding.ts';
import { assertInternal, JoineryError } from '../errors.ts';
import type { CertificateReadBack, CertificateReading, SigningKey, VerifySignature } from '../key-ports.ts';
import { type Certificate, isSignedBy, parseCertificate } from './certificate.ts';
import { lintCertificate, violationSentence } from './lint.ts';
import { type CertificateTemplate, writeSigned, writeTbs } from './template.ts';

export interface Issuance {
  readonly template: CertificateTemplate;
  /** Left out for a self-signed certificate. */
  readonly issuer?: Certificate | undefined;
  /** The key that signs: the issuer's, or the certificate's own. */
  readonly key: SigningKey;
  readonly certificates: CertificateReadBack;
  readonly verifySignature: VerifySignature;
}

/**
 * Signs what the template says. The real key never signs what the lint refuses.
 * @throws ERR_CERTIFICATE_LINT with every broken rule in `details.violations`; ERR_INTERNAL when the result is not the template.
 */
export async function issueCertificate(issuance: Issuance): Promise<Certificate> {
  const { template, issuer, key, certificates, verifySignature } = issuance;
  const tbs = writeTbs(template);
  const throwaway = await certificates.throwawayKey(template.signer);
  assertLinted(await signed(tbs, throwaway), issuer);
  const certificate = await signed(tbs, key);
  assertInternal(
    isSignedBy(certificate, issuer?.spki ?? template.spki, verifySignature),
    'the signature of a new certificate does not hold',
  );
  assertReading(await certificates.readBack(certificate.der), template);
  return certificate;
}

async function signed(tbs: Uint8Array, key: SigningKey): Promise<Certificate> {
  return parseCertificate(writeSigned(tbs, key.type, await key.sign(tbs, 'der')), 'new certificate');
}

/** @throws ERR_CERTIFICATE_LINT with every broken rule in `details.violations`. */
export function assertLinted(certificate: Certificate, issuer: Certificate | undefined): void {
  const violations = lintCertificate(certificate, issuer);
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length === 1 ? '' : ` (and ${violations.length - 1} more)`;
  throw new JoineryError('ERR_CERTIFICATE_LINT', `certificate: ${violationSentence(first)}${more}`, { details: { violations } });
}

/** The signed bytes, read by other code, mean what the template said. */
function assertReading(reading: CertificateReading, template: CertificateTemplate): void {
  const bytes: readonly (readonly [Uint8Array, Uint8Array])[] = [
    [reading.issuer, template.issuer],
    [reading.subject, template.subject],
    [reading.spki, template.spki],
    ...template.extensions.map((extension, index) => [reading.extensions[index]?.value ?? new Uint8Array(0), extension.value] as const),
  ];
  const same =
    reading.serialNumber === toHex(template.serialNumber) &&
    reading.notBefore === template.notBefore &&
    reading.notAfter === template.notAfter &&
    reading.extensions.length === template.extensions.length &&
    template.extensions.every(
      ({ oid, critical }, index) => reading.extensions[index]?.oid === oid && reading.extensions[index].critical === critical,
    ) &&
    bytes.every(([read, meant]) => equalBytes(read, meant));
  assertInternal(same, 'a new certificate does not read back as its template');
}
