/**
 * Verifies the record of a ceremony against its reviewed file, without any key: every to-be-signed structure is made again from the file
 * and compared, byte for byte, with the one that was signed, and every signature must hold under the key of its issuer.
 */
import type { Digest } from '../digest.ts';
import { equalBytes, fromBase64, fromHex } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { KeyType, VerifySignature } from '../key-ports.ts';
import { type Certificate, isSignedBy, parseCertificate, readSigned } from '../x509/certificate.ts';
import { parseRevocationList } from '../x509/crl.ts';
import { lintCertificate, violationSentence } from '../x509/lint.ts';
import { writeTbs } from '../x509/template.ts';
import { authority, certificateTemplate, fixedSerial, issuerOf, listTbs, signerType } from './build.ts';
import { firstDifference } from './difference.ts';
import { type Ceremony, type CeremonyStep, type CrlStep, stepLabel } from './document.ts';
import type { CeremonyRecord } from './record.ts';

export interface VerifiedStep {
  readonly label: string;
  /** Of the certificate; undefined for a list. */
  readonly certificate: Certificate | undefined;
}

type Signed = CeremonyRecord['steps'][number];

/**
 * @param digest of the reviewed file.
 * @throws ERR_CEREMONY_MISMATCH naming the first difference, ERR_CEREMONY_AUTHORITY for an authority that is not the one of the file.
 */
export function verifyCeremony(
  ceremony: Ceremony,
  digest: Digest,
  record: CeremonyRecord,
  verifySignature: VerifySignature,
): readonly VerifiedStep[] {
  expect('ceremony', digest, record.ceremony);
  expect('environment', ceremony.environment, record.environment);
  expect('steps', String(ceremony.steps.length), String(record.steps.length));
  const authorities = new Map<string, Certificate>();
  for (const { name, fingerprint } of ceremony.authorities ?? []) authorities.set(name, existing(record, name, fingerprint));
  return ceremony.steps.map((step, place) => {
    const label = stepLabel(place, step);
    const signed = record.steps[place] as Signed;
    const certificate = inStep(label, () =>
      step.kind === 'crl'
        ? checkList(step, authorities, signed, verifySignature)
        : checkCertificate(step, authorities, signed, verifySignature),
    );
    if (certificate !== undefined && step.kind !== 'cross' && step.kind !== 'crl') authorities.set(step.name, certificate);
    return { label, certificate };
  });
}

function expect(what: string, expected: string, found: string): void {
  if (expected !== found) throw mismatch(`${what}: expected ${expected}, found ${found}`);
}

function mismatch(message: string): JoineryError {
  return new JoineryError('ERR_CEREMONY_MISMATCH', message, { hint: 'what was signed is not what was reviewed: do not use it' });
}

function inStep<T>(label: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new JoineryError('ERR_CEREMONY_MISMATCH', `${label}: ${(error as JoineryError).message}`, {
      hint: 'what was signed is not what was reviewed: do not use it',
      cause: error,
    });
  }
}

function existing({ authorities }: CeremonyRecord, name: string, fingerprint: string): Certificate {
  const found = authorities.find((entry) => entry.name === name);
  const certificate = found && parseCertificate(fromBase64(found.certificate), `authority ${name}`);
  if (certificate?.fingerprint === fingerprint) return certificate;
  throw new JoineryError(
    'ERR_CEREMONY_AUTHORITY',
    `authority ${name}: expected fingerprint ${fingerprint}, found ${certificate?.fingerprint ?? 'no certificate'}`,
  );
}

/** The three parts that the record shows are those of the signed structure. */
function assertParts({ tbs, signature, signed }: Signed): Uint8Array {
  const der = fromBase64(signed);
  const parts = readSigned(der, 'signed structure');
  if (!equalBytes(parts.tbs, fromBase64(tbs)))
    throw mismatch('expected the recorded to-be-signed bytes in the signed structure, found others');
  if (!equalBytes(parts.signature, fromBase64(signature)))
    throw mismatch('expected the recorded signature in the signed structure, found another');
  return der;
}

function checkCertificate(
  step: Exclude<CeremonyStep, CrlStep>,
  authorities: ReadonlyMap<string, Certificate>,
  signed: Signed,
  verifySignature: VerifySignature,
): Certificate {
  const certificate = parseCertificate(assertParts(signed), 'certificate');
  const issuer = issuerOf(step, authorities);
  const certified = step.kind === 'cross' ? authority(authorities, step.name) : certificate;
  if (step.kind !== 'cross') assertKeyType(step.key_type, signerType(certificate.publicKey));
  const template = certificateTemplate(step, authorities, {
    spki: certified.spki,
    signer: signerType((issuer ?? certificate).publicKey),
    serialNumber: fixedSerial(step) ?? fromHex(certificate.serialNumber),
  });
  const difference = firstDifference('certificate', writeTbs(template), certificate.tbs);
  if (difference !== undefined) throw mismatch(difference);
  if (!isSignedBy(certificate, (issuer ?? certificate).spki, verifySignature))
    throw mismatch(`signature: expected one by the key of ${issuer?.subject.text ?? 'the certificate itself'}, found another`);
  const [violation] = lintCertificate(certificate, issuer);
  if (violation !== undefined) throw mismatch(violationSentence(violation));
  return certificate;
}

function assertKeyType(expected: KeyType, found: KeyType): void {
  if (expected !== found) throw mismatch(`key_type: expected ${expected}, found ${found}`);
}

function checkList(
  step: CrlStep,
  authorities: ReadonlyMap<string, Certificate>,
  signed: Signed,
  verifySignature: VerifySignature,
): undefined {
  const list = parseRevocationList(assertParts(signed), 'revocation list');
  const difference = firstDifference('list', listTbs(step, authorities), list.tbs);
  if (difference !== undefined) throw mismatch(difference);
  const issuer = authority(authorities, step.issuer);
  if (isSignedBy(list, issuer.spki, verifySignature)) return undefined;
  throw mismatch(`signature: expected one by the key of ${issuer.subject.text}, found another`);
}
