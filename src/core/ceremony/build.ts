/** From a step of a ceremony to what is signed, through the same templates as every other certificate and list. */
import { fromHex } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { KeyType } from '../key-ports.ts';
import { compareKeys } from '../store-keys.ts';
import type { SubjectPublicKeyInfo } from '../x509/algorithms.ts';
import { type AuthorityScope, crossExtensions, scopeExtensions } from '../x509/authority-extensions.ts';
import type { Certificate } from '../x509/certificate.ts';
import { writeCrlEntry, writeTbsCertList } from '../x509/crl-writer.ts';
import { keyText } from '../x509/known-keys.ts';
import { type CertificateTemplate, caTemplate } from '../x509/template.ts';
import type { CeremonyStep, CrlStep } from './document.ts';

/** The certificates of authorities by name: those that were there, and those of earlier steps. */
export type Authorities = ReadonlyMap<string, Certificate>;

export function authority(authorities: Authorities, name: string): Certificate {
  // parseCeremony has seen that every name is known.
  return authorities.get(name) as Certificate;
}

/** The type of an authority's key, which says how it signs. @throws ERR_CEREMONY_AUTHORITY for one that joinery does not sign with. */
export function signerType({ key }: SubjectPublicKeyInfo): KeyType {
  const type = SIGNERS[keyText(key)];
  if (type !== undefined) return type;
  throw new JoineryError('ERR_CEREMONY_AUTHORITY', `authority: expected a key that joinery signs with, found ${keyText(key)}`);
}

const SIGNERS: Readonly<Record<string, KeyType>> = {
  'EC P-256': 'p256',
  'EC P-384': 'p384',
  Ed25519: 'ed25519',
  'RSA 3072': 'rsa3072',
  'RSA 4096': 'rsa4096',
};

/** What a step needs beyond the file: the new key, and a random serial number. */
export interface Material {
  /** DER of SubjectPublicKeyInfo of the new key; of a cross-certificate it is the authority's. */
  readonly spki: Uint8Array;
  readonly signer: KeyType;
  readonly serialNumber: Uint8Array;
}

/** The certificate that signs; undefined for a root. */
export function issuerOf(step: CeremonyStep, authorities: Authorities): Certificate | undefined {
  return step.kind === 'root' ? undefined : authority(authorities, step.issuer);
}

export function certificateTemplate(
  step: Exclude<CeremonyStep, CrlStep>,
  authorities: Authorities,
  material: Material,
): CertificateTemplate {
  const { not_before: notBefore, not_after: notAfter, path_len: pathLen } = step;
  const certified = step.kind === 'cross' ? authority(authorities, step.name) : undefined;
  return caTemplate({
    serialNumber: material.serialNumber,
    signer: material.signer,
    validity: { notBefore, notAfter },
    subject: certified?.subject.der ?? (step as { readonly subject: Uint8Array }).subject,
    spki: material.spki,
    issuer: issuerOf(step, authorities),
    pathLen,
    // What the authority issued points at its key identifier, and its name constraints hold under the other issuer too.
    keyIdentifier: certified?.extensions.subjectKeyIdentifier,
    more: certified === undefined ? scopeExtensions(scopeOf(step)) : crossExtensions(certified, step.name_constraints),
  });
}

function scopeOf(step: Exclude<CeremonyStep, CrlStep>): AuthorityScope {
  return { trustDomain: 'trust_domain' in step ? step.trust_domain : undefined, constraints: step.name_constraints };
}

/** The serial number that a step fixes; undefined for `random`. */
export function fixedSerial(step: Exclude<CeremonyStep, CrlStep>): Uint8Array | undefined {
  return step.serial === 'random' ? undefined : fromHex(step.serial);
}

/** DER of tbsCertList, entries in the order of serial numbers. */
export function listTbs(step: CrlStep, authorities: Authorities): Uint8Array {
  const issuer = authority(authorities, step.issuer);
  const entries = step.revoked.toSorted((a, b) => compareKeys(a.serial, b.serial));
  return writeTbsCertList({
    issuer,
    signer: signerType(issuer.publicKey),
    number: step.number,
    thisUpdate: step.this_update,
    nextUpdate: step.next_update,
    entries: entries.map(({ serial, at, reason }) => writeCrlEntry({ serialNumber: serial, at, reason })),
  });
}
