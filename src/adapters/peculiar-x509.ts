/** @peculiar/x509: a second reader of certificates, which shares no code with core/x509. */
import 'reflect-metadata';
import { X509Certificate } from '@peculiar/x509';
import type { CertificateReading } from '../core/key-ports.ts';
import { instant } from '../core/time.ts';

const at = (date: Date) => instant(date.getTime() / 1000);

/** Reads a certificate. @throws what the library throws for a certificate that it cannot read. */
export function readBack(der: Uint8Array): CertificateReading {
  const certificate = new X509Certificate(new Uint8Array(der));
  return {
    serialNumber: certificate.serialNumber,
    issuer: new Uint8Array(certificate.issuerName.toArrayBuffer()),
    subject: new Uint8Array(certificate.subjectName.toArrayBuffer()),
    notBefore: at(certificate.notBefore),
    notAfter: at(certificate.notAfter),
    spki: new Uint8Array(certificate.publicKey.rawData),
    extensions: certificate.extensions.map(({ type, critical, value }) => ({ oid: type, critical, value: new Uint8Array(value) })),
  };
}
