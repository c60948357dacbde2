/** What the store holds of issued certificates: `cert/<serial>`. */
import type { JsonValue } from '../core/canonical-json.ts';
import { fromBase64 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { name } from '../core/names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { ISSUED_PROFILE_NAMES } from '../core/x509/profiles.ts';
import { revocationRecord } from './ca-records.ts';
import type { Realm } from './realm.ts';

/** Those of joinery have 16 octets and more; SPIRE's may begin with a zero. A serial number of another form is no key of the store. */
export const ISSUED_SERIAL = /^[0-9a-f]{16,40}$/;

const certificateRecord = object({
  /** Lower-case hex. */
  serial: string({ pattern: ISSUED_SERIAL }),
  /** Name of the issuing authority. */
  ca: name(),
  profile: oneOf(ISSUED_PROFILE_NAMES),
  /** RFC 4514. */
  subject: string(),
  /** `DNS:a.example`, `IP:10.0.0.1`, `URI:spiffe://...` */
  sans: array(string(), { maxItems: 200 }),
  spki_pin: string(),
  fingerprint: string(),
  /** Instants. */
  not_before: integer(),
  not_after: integer(),
  issued_at: integer(),
  /** Serial number of the certificate that it replaces. */
  renews: optional(string()),
  /** base64 of DER. */
  certificate: string({ maxLength: 400_000 }),
  revoked: optional(revocationRecord),
  /** By the identity provider of this cluster; with base64 of DER of the authorities between it and the root. */
  provided: optional(object({ cluster: name(), chain: array(string({ maxLength: 100_000 }), { maxItems: 20 }) })),
});

export type CertificateRecord = Parsed<typeof certificateRecord>;

export const CERTIFICATE_PREFIX = 'cert/';
export const certificateKey = (serial: string): string => `${CERTIFICATE_PREFIX}${serial}`;

export function parseCertificateRecord(key: string, value: JsonValue): CertificateRecord {
  return parseDocument(certificateRecord, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
}

/** The certificate of a record. @throws ERR_CERTIFICATE_MALFORMED */
export function certificateOf(record: CertificateRecord): Certificate {
  return parseCertificate(fromBase64(record.certificate), `state.db, record ${certificateKey(record.serial)}`);
}

/**
 * The record of exactly this certificate: one that only shares the serial number is another.
 * @param what names it in the error. @throws ERR_CERTIFICATE_NOT_FOUND
 */
export async function readCertificateRecord(
  realm: Pick<Realm, 'store'>,
  certificate: Pick<Certificate, 'serialNumber' | 'fingerprint'>,
  what: string,
): Promise<CertificateRecord> {
  const key = certificateKey(certificate.serialNumber);
  const entry = await realm.store.get(key);
  const record = entry && parseCertificateRecord(key, entry.value);
  if (record?.fingerprint === certificate.fingerprint) return record;
  throw new JoineryError(
    'ERR_CERTIFICATE_NOT_FOUND',
    `${what}: expected a certificate that this realm issued, found serial ${certificate.serialNumber}`,
    {
      hint: 'joinery cert inspect shows who issued it',
      details: { serial: certificate.serialNumber, fingerprint: certificate.fingerprint },
    },
  );
}
