/** Cross-signs: a certificate for the subject and key of one authority, signed by another, so that those who trust either find a path. */
import { equalBytes, toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { KeyType } from '../core/key-ports.ts';
import { formatInstant, type Instant, plus, type Seconds } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { crossUnder } from '../core/x509/authority-extensions.ts';
import { issueCertificate } from '../core/x509/issue.ts';
import { type CertificateTemplate, caTemplate, newSerialNumber, type Validity, validityOf } from '../core/x509/template.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { openCaKey } from './create-ca.ts';
import { crossKey, type CrossRecord } from './cross-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface CrossSignCaInput {
  /** The authority whose subject and key are certified. */
  readonly name: string;
  /** The authority that signs. */
  readonly by: string;
  /** Default: as long as both authorities are valid. */
  readonly ttl?: Seconds | undefined;
  /** Replaces a cross-certificate that is still valid. */
  readonly renew?: boolean | undefined;
}

export interface CrossSignCaResult {
  readonly record: CrossRecord;
  readonly certificate: Certificate;
  /** Path of the certificate, relative to the realm. */
  readonly file: string;
  readonly warnings: readonly string[];
}

/** Where the cross-certificate lies for people; `+` is in no name, so no other file has this one. */
export function crossFile(caName: string, by: string): string {
  return `ca/${caName}+${by}.crt`;
}

/**
 * The certificate has the subject, key, key identifier, names, pathLenConstraint (or less) and name constraints (with the issuer's)
 * of the authority's own, so that what the authority issued is valid under both, and it ends when the first of the two ends.
 * @throws ERR_CA_NOT_FOUND, ERR_USAGE, ERR_CA_EXISTS, ERR_CA_EXPIRED, ERR_CA_REVOKED, ERR_CA_CONSTRAINT, ERR_CERTIFICATE_LINT,
 * ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function crossSignCa(realm: Realm, input: CrossSignCaInput): Promise<CrossSignCaResult> {
  const subject = await readCa(realm, input.name, 'NAME');
  const issuer = await readCa(realm, input.by, '--by');
  assertPair(subject, issuer);
  const version = await assertNone(realm, input);
  const now = realm.clock.now();
  const validity = commonValidity(subject, issuer, input.ttl === undefined ? undefined : plus(now, input.ttl), now);
  const key = await openCaKey(realm, issuer);
  const certificate = await issueCertificate({
    template: templateOf(realm, subject, issuer, { signer: key.type, validity }),
    issuer: issuer.certificate,
    key,
    certificates: realm.certificates,
    verifySignature: realm.verifySignature,
  });
  const record = await commitCross(realm, subject, issuer, { certificate, version });
  const file = crossFile(record.name, record.by);
  await realm.files.replace(`${realm.directory}/${file}`, utf8(record.certificate_pem), 0o644);
  return { record, certificate, file, warnings: warningsOf(validity, input) };
}

function assertPair({ record, certificate }: CertificateAuthority, issuer: CertificateAuthority): void {
  if (equalBytes(certificate.spki, issuer.certificate.spki)) {
    throw new JoineryError('ERR_USAGE', `--by: expected an authority with another key than ${record.name}, found ${issuer.record.name}`);
  }
  if (record.revoked === undefined) return;
  throw new JoineryError('ERR_CA_REVOKED', `NAME: expected an authority that is not revoked, found ${record.name}`, {
    hint: 'a cross-certificate would bring it back',
  });
}

/** @returns the version for the commit's check. */
async function assertNone(realm: Realm, { name, by, renew }: CrossSignCaInput): Promise<number | 'absent'> {
  const entry = await realm.store.get(crossKey(name, by));
  if (entry === undefined || renew === true) return entry?.version ?? 'absent';
  throw new JoineryError('ERR_CA_EXISTS', `--by: expected no certificate of ${name} by ${by}, found one`, {
    hint: `--renew replaces it; it lies in ${crossFile(name, by)}`,
  });
}

function commonValidity(
  { certificate }: CertificateAuthority,
  issuer: CertificateAuthority,
  asked: Instant | undefined,
  now: Instant,
): Validity {
  const own = validityOf({ now, notAfter: asked ?? certificate.notAfter, issuer: certificate });
  const { notBefore, notAfter, shortened } = validityOf({ now, notAfter: own.notAfter, issuer: issuer.certificate });
  return {
    notBefore: Math.max(own.notBefore, notBefore) as Instant,
    notAfter,
    shortened: asked !== undefined && (own.shortened || shortened),
  };
}

function templateOf(
  realm: Realm,
  { certificate }: CertificateAuthority,
  issuer: CertificateAuthority,
  { signer, validity }: { readonly signer: KeyType; readonly validity: Validity },
): CertificateTemplate {
  return caTemplate({
    serialNumber: newSerialNumber(realm.random),
    signer,
    validity: { notBefore: validity.notBefore, notAfter: validity.notAfter },
    subject: certificate.subject.der,
    spki: certificate.spki,
    issuer: issuer.certificate,
    pathLen: commonPathLen(certificate, issuer),
    keyIdentifier: certificate.extensions.subjectKeyIdentifier,
    more: crossUnder(certificate, issuer.certificate),
  });
}

/** The authority's own pathLenConstraint, or what is left under the issuer's where that is less. */
function commonPathLen(certificate: Certificate, issuer: CertificateAuthority): number | undefined {
  const own = certificate.extensions.basicConstraints?.pathLenConstraint;
  const most = issuer.certificate.extensions.basicConstraints?.pathLenConstraint;
  if (most === 0) {
    throw new JoineryError(
      'ERR_CA_CONSTRAINT',
      `--by: expected an authority that may certify another, found ${issuer.record.name} with pathLenConstraint 0`,
      {
        hint: 'choose a root; joinery ca tree shows the hierarchy',
      },
    );
  }
  return most === undefined ? own : Math.min(own ?? most - 1, most - 1);
}

async function commitCross(
  realm: Realm,
  subject: CertificateAuthority,
  issuer: CertificateAuthority,
  { certificate, version }: { readonly certificate: Certificate; readonly version: number | 'absent' },
): Promise<CrossRecord> {
  const [name, by] = [subject.record.name, issuer.record.name];
  const record: CrossRecord = { name, by, certificate_pem: toPem('CERTIFICATE', certificate.der), created_at: realm.clock.now() };
  const details = {
    by,
    fingerprint: certificate.fingerprint,
    serial: certificate.serialNumber,
    not_after: formatInstant(certificate.notAfter),
  };
  await commit(realm.store, {
    checks: [{ key: crossKey(name, by), version }, subject.check, issuer.check],
    writes: [{ key: crossKey(name, by), value: { ...record } }],
    audit: [auditEvent(realm, { event: 'ca.cross_sign', subject: name, details })],
  });
  return record;
}

function warningsOf({ shortened, notAfter }: Validity, { name, by }: CrossSignCaInput): string[] {
  return shortened ? [`the certificate ends at ${formatInstant(notAfter)}, with the first of ${name} and ${by}`] : [];
}
