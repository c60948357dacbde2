/** What a ceremony would sign, and everything about it that can be refused before a key is made or opened. */
import { authority, certificateTemplate, fixedSerial, issuerOf, listTbs, signerType } from '../core/ceremony/build.ts';
import { type Ceremony, type CeremonyStep, type CrlStep, parseCeremony, stepLabel } from '../core/ceremony/document.ts';
import type { JsonValue } from '../core/canonical-json.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { KeyType, SigningKey } from '../core/key-ports.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { assertLinted } from '../core/x509/issue.ts';
import { newSerialNumber, writeSigned, writeTbs } from '../core/x509/template.ts';
import { caKey, type CertificateAuthority, readCa } from './ca-records.ts';
import { assertComplete } from './ceremony-steps.ts';
import type { Realm } from './realm.ts';

export interface CeremonyInput {
  /** Exactly the bytes that were reviewed. */
  readonly bytes: Uint8Array;
  /** What they say. */
  readonly value: JsonValue;
  /** Names the file. */
  readonly what: string;
}

interface PreparedCeremony {
  readonly ceremony: Ceremony;
  readonly digest: Digest;
  readonly existing: readonly CertificateAuthority[];
}

/** Everything that can be refused before a key is made or opened. */
export async function prepareCeremony(realm: Realm, { bytes, value, what }: CeremonyInput): Promise<PreparedCeremony> {
  const ceremony = parseCeremony(value, what);
  if (ceremony.environment !== realm.config.environment.name) {
    throw new JoineryError(
      'ERR_CEREMONY_AUTHORITY',
      `${what}: expected environment ${realm.config.environment.name}, found ${ceremony.environment}`,
    );
  }
  const existing: CertificateAuthority[] = [];
  for (const { name, fingerprint } of ceremony.authorities ?? []) {
    const ca = await readCa(realm, name, `${what}, authorities`);
    if (ca.certificate.fingerprint !== fingerprint)
      throw new JoineryError(
        'ERR_CEREMONY_AUTHORITY',
        `${what}: expected authority ${name} with fingerprint ${fingerprint}, found ${ca.certificate.fingerprint}`,
      );
    existing.push(ca);
  }
  return { ceremony, digest: digestOf(bytes), existing };
}

interface Planned {
  readonly label: string;
  /** Type of the new key, or of the one that signs. */
  readonly keyType: KeyType;
  /** DER of the to-be-signed structure, where the file fixes every byte of it. */
  readonly tbs: Uint8Array | undefined;
}

/** A certificate is shown as it would be, with a throw-away key where a new one will be. */
export type PlannedStep =
  | (Planned & { readonly step: Exclude<CeremonyStep, CrlStep>; readonly certificate: Certificate })
  | (Planned & { readonly step: CrlStep; readonly certificate: undefined });

/** Before a step makes a key. @throws ERR_CA_EXISTS */
export async function assertNewNames({ store }: Realm, { steps }: Ceremony, what: string): Promise<void> {
  for (const step of steps) {
    const isNew = step.kind === 'root' || step.kind === 'intermediate';
    if (isNew && (await store.get(caKey(step.name))) !== undefined)
      throw new JoineryError('ERR_CA_EXISTS', `${what}: expected new names, found ${step.name}, which is an authority of this realm`);
  }
}

/** What would be signed: every step is built and checked by the lint with throw-away keys. No key of the realm is opened. @throws as {@link runCeremony} */
export async function planCeremony(
  realm: Realm,
  input: CeremonyInput,
): Promise<{ readonly digest: Digest; readonly ceremony: Ceremony; readonly steps: readonly PlannedStep[] }> {
  const { ceremony, digest, existing } = await prepareCeremony(realm, input);
  await assertNewNames(realm, ceremony, input.what);
  const authorities = new Map(existing.map((ca) => [ca.record.name, ca.certificate]));
  const steps: PlannedStep[] = [];
  for (const [place, step] of ceremony.steps.entries()) steps.push(await planStep(realm, stepLabel(place, step), step, authorities));
  return { ceremony, digest, steps };
}

async function planStep(realm: Realm, label: string, step: CeremonyStep, authorities: Map<string, Certificate>): Promise<PlannedStep> {
  if (step.kind === 'crl') {
    await assertComplete(realm, step);
    return {
      label,
      step,
      keyType: signerType(authority(authorities, step.issuer).publicKey),
      certificate: undefined,
      tbs: listTbs(step, authorities),
    };
  }
  const issuer = issuerOf(step, authorities);
  const own = step.kind === 'cross' ? undefined : await realm.certificates.throwawayKey(step.key_type);
  const signer = issuer === undefined ? (own as SigningKey) : await realm.certificates.throwawayKey(signerType(issuer.publicKey));
  const serial = fixedSerial(step);
  const spki = own?.spki ?? authority(authorities, step.name).spki;
  const tbs = writeTbs(
    certificateTemplate(step, authorities, { spki, signer: signer.type, serialNumber: serial ?? newSerialNumber(realm.random) }),
  );
  const certificate = parseCertificate(writeSigned(tbs, signer.type, await signer.sign(tbs, 'der')), label);
  assertLinted(certificate, issuer);
  if (step.kind !== 'cross') authorities.set(step.name, certificate);
  return {
    label,
    step,
    keyType: step.kind === 'cross' ? signer.type : step.key_type,
    certificate,
    tbs: own === undefined && serial !== undefined ? tbs : undefined,
  };
}
