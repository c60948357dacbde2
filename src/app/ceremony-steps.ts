/** The steps of a ceremony: keys, signatures, and the records that the realm keeps of them. */
import { authority, certificateTemplate, fixedSerial, listTbs } from '../core/ceremony/build.ts';
import { type Ceremony, type CrlStep, type CrossStep, type IntermediateStep, type RootStep, stepLabel } from '../core/ceremony/document.ts';
import type { CeremonyRecord } from '../core/ceremony/record.ts';
import { digestOf } from '../core/digest.ts';
import { toBase64, toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { StoreCheck } from '../core/ports.ts';
import { formatInstant } from '../core/time.ts';
import { type Certificate, readSigned } from '../core/x509/certificate.ts';
import { issueCertificate } from '../core/x509/issue.ts';
import { newSerialNumber, writeSigned } from '../core/x509/template.ts';
import { caKey, type CaRecord, type CertificateAuthority, readCa } from './ca-records.ts';
import { caFile, openAnyCaKey, openCaKey } from './create-ca.ts';
import { crossFile } from './cross-sign-ca.ts';
import { crossKey } from './cross-records.ts';
import { crlFile, readLast } from './issue-crl.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { revocationPrefix } from './revoke-certificate.ts';
import { storePages } from './store-pages.ts';

export type SignedStep = CeremonyRecord['steps'][number];

/** Signs every step in turn; what each changes is committed to `staged`. */
export async function signSteps(staged: Realm, { steps }: Ceremony, existing: readonly CertificateAuthority[]): Promise<SignedStep[]> {
  const authorities = new Map(existing.map((ca) => [ca.record.name, ca.certificate]));
  const signed: SignedStep[] = [];
  for (const [place, step] of steps.entries()) {
    const label = stepLabel(place, step);
    const der = step.kind === 'crl' ? await signList(staged, step, authorities) : await signCertificate(staged, step, authorities);
    const { tbs, signature } = readSigned(der, label);
    signed.push({
      label,
      signed_at: formatInstant(staged.clock.now()),
      tbs: toBase64(tbs),
      signature: toBase64(signature),
      signed: toBase64(der),
    });
  }
  return signed;
}

type CertificateStep = RootStep | IntermediateStep | CrossStep;
type Made = Awaited<ReturnType<Realm['vault']['generate']>>;

async function signCertificate(staged: Realm, step: CertificateStep, authorities: Map<string, Certificate>): Promise<Uint8Array> {
  if (step.kind === 'cross') {
    const certificate = await issue(staged, step, authorities, authority(authorities, step.name).spki, undefined);
    await keepCross(staged, step, certificate);
    return certificate.der;
  }
  const made = await staged.vault.generate({ name: step.name, type: step.key_type, custody: step.custody });
  const certificate = await issue(staged, step, authorities, made.key.spki, made);
  await keepCa(staged, step, made.reference, certificate);
  authorities.set(step.name, certificate);
  return certificate.der;
}

async function issue(
  staged: Realm,
  step: CertificateStep,
  authorities: Map<string, Certificate>,
  spki: Uint8Array,
  made: Made | undefined,
): Promise<Certificate> {
  const issuer = step.kind === 'root' ? undefined : await readCa(staged, step.issuer, 'issuer');
  const key = issuer === undefined ? (made as Made).key : await openCaKey(staged, issuer);
  return issueCertificate({
    template: certificateTemplate(step, authorities, {
      spki,
      signer: key.type,
      serialNumber: fixedSerial(step) ?? newSerialNumber(staged.random),
    }),
    issuer: issuer?.certificate,
    key,
    certificates: staged.certificates,
    verifySignature: staged.verifySignature,
  });
}

const detailsOf = ({ fingerprint, serialNumber, notAfter }: Certificate) => ({
  fingerprint,
  serial: serialNumber,
  not_after: formatInstant(notAfter),
});

async function keepCa(
  staged: Realm,
  step: RootStep | IntermediateStep,
  reference: Made['reference'],
  certificate: Certificate,
): Promise<void> {
  const { name } = step;
  const parent = step.kind === 'root' ? undefined : step.issuer;
  const record: CaRecord = {
    name,
    certificate_pem: toPem('CERTIFICATE', certificate.der),
    ...(parent !== undefined && { parent }),
    key: { ...reference },
    created_at: staged.clock.now(),
  };
  await commit(staged.store, {
    checks: [{ key: caKey(name), version: 'absent' }, ...(parent === undefined ? [] : [(await readCa(staged, parent, 'issuer')).check])],
    writes: [{ key: caKey(name), value: { ...record } }],
    audit: [auditEvent(staged, { event: 'ca.create', subject: name, details: { parent: parent ?? null, ...detailsOf(certificate) } })],
  });
  await staged.files.replace(`${staged.directory}/${caFile(name)}`, utf8(record.certificate_pem), 0o644);
}

async function keepCross(staged: Realm, { name, issuer: by }: CrossStep, certificate: Certificate): Promise<void> {
  const key = crossKey(name, by);
  const pem = toPem('CERTIFICATE', certificate.der);
  await commit(staged.store, {
    checks: [{ key, version: (await staged.store.get(key))?.version ?? 'absent' }],
    writes: [{ key, value: { name, by, certificate_pem: pem, created_at: staged.clock.now() } }],
    audit: [auditEvent(staged, { event: 'ca.cross_sign', subject: name, details: { by, ...detailsOf(certificate) } })],
  });
  await staged.files.replace(`${staged.directory}/${crossFile(name, by)}`, utf8(pem), 0o644);
}

/** A list that leaves out what the realm has revoked would bring it back; one with an old number would be ignored. */
export async function assertComplete(realm: Realm, step: CrlStep): Promise<StoreCheck> {
  const { number, check } = await readLast(realm, step.issuer, step.this_update);
  if (step.number <= number)
    throw new JoineryError(
      'ERR_CEREMONY_AUTHORITY',
      `crl of ${step.issuer}: expected a number above ${number}, that of its last list, found ${step.number}`,
    );
  const listed = new Set(step.revoked.map(({ serial }) => serial));
  const prefix = revocationPrefix(step.issuer);
  for await (const page of storePages(realm.store, prefix)) {
    const missing = page.find(({ key }) => !listed.has(key.slice(prefix.length)));
    if (missing !== undefined)
      throw new JoineryError(
        'ERR_CEREMONY_AUTHORITY',
        `crl of ${step.issuer}: expected every certificate that is revoked, found ${missing.key.slice(prefix.length)} missing`,
      );
  }
  return check;
}

async function signList(staged: Realm, step: CrlStep, authorities: Map<string, Certificate>): Promise<Uint8Array> {
  const check = await assertComplete(staged, step);
  const key = await openAnyCaKey(staged, await readCa(staged, step.issuer, 'issuer'));
  const tbs = listTbs(step, authorities);
  const der = writeSigned(tbs, key.type, await key.sign(tbs, 'der'));
  const value = { number: step.number, this_update: step.this_update, next_update: step.next_update, entries: step.revoked.length };
  const details = {
    crl_number: step.number,
    next_update: formatInstant(step.next_update),
    entries: step.revoked.length,
    digest: digestOf(der),
  };
  await commit(staged.store, {
    checks: [check],
    writes: [{ key: check.key, value }],
    audit: [auditEvent(staged, { event: 'ca.crl', subject: step.issuer, details })],
  });
  await staged.files.replace(`${staged.directory}/${crlFile(step.issuer)}`, der, 0o644);
  return der;
}
