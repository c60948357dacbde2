/** A new certificate in place of one that this realm issued: the same profile, names and subject, another key, a new life. */
import { JoineryError } from '../core/errors.ts';
import { formatInstant, type Instant, type Seconds } from '../core/time.ts';
import { parseSpki, type SubjectPublicKeyInfo } from '../core/x509/algorithms.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { assertCsrSignature, type CertificationRequest } from '../core/x509/csr.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import type { GeneralName } from '../core/x509/general-names.ts';
import { type CertificateProfile, PROFILES } from '../core/x509/profiles.ts';
import { utf8 } from '../core/encoding.ts';
import type { KeyType, PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { type CertificateRecord, readCertificateRecord } from './certificate-records.ts';
import { chainPem } from './issue-certificates.ts';
import { type IssuedLeaf, leafChange, openLeafIssuer, shortenedWarning } from './leaf-issuer.ts';
import { assertAbsent } from './new-files.ts';
import { commit, type Realm } from './realm.ts';

export interface RenewCertificateInput {
  /** The one that is replaced. */
  readonly certificate: Certificate;
  /** Names it in errors. */
  readonly what: string;
  /** The new key is in this request; only its key is taken from it. */
  readonly csr?: CertificationRequest | undefined;
  /** Type of the new key that is made without `csr`. */
  readonly keyType: KeyType;
  /** New file for the new key; needed without `csr`. */
  readonly keyFile?: string | undefined;
  readonly passphrase?: Secret | undefined;
  /** New file for the certificate and those above it. */
  readonly certificateFile: string;
  /** Default: as long as the old one was to live. */
  readonly ttl?: Seconds | undefined;
  readonly notAfter?: Instant | undefined;
  readonly strict: boolean;
}

export interface RenewCertificateResult {
  readonly leaf: IssuedLeaf;
  readonly record: CertificateRecord;
  readonly previous: CertificateRecord;
  readonly keyFile: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * The record of the old certificate decides what the new one says; nothing is taken from a request but its key. An expired or
 * revoked certificate is not renewed: whoever finds an old key must not become the node again.
 * @throws ERR_CERTIFICATE_NOT_FOUND, ERR_CERTIFICATE_REVOKED, ERR_CERTIFICATE_EXPIRED, ERR_CERTIFICATE_PROFILE, ERR_CSR_SIGNATURE, ERR_KEY_*,
 * ERR_FILE_EXISTS
 */
export async function renewCertificate(realm: Realm, keys: PortableKeys, input: RenewCertificateInput): Promise<RenewCertificateResult> {
  const { certificate, what, csr, keyFile } = input;
  const previous = await readCertificateRecord(realm, certificate, what);
  assertUnexpired(realm, previous, what);
  const profile = renewableProfile(previous, what);
  if (csr !== undefined) assertCsrSignature(csr, realm.verifySignature, '--csr');
  await assertAbsent(realm.files, [...(keyFile === undefined ? [] : [keyFile]), input.certificateFile]);
  const issuer = await openLeafIssuer(realm, previous.ca, { strict: input.strict });
  const key = csr === undefined ? keys.generate(input.keyType) : undefined;
  const leaf = await issuer.issue({
    profile,
    // Every profile asks for a name at least.
    names: (certificate.extensions.subjectAltName as readonly GeneralName[]).filter(isAlternativeName),
    subject: certificate.subject.der,
    publicKey: csr?.publicKey ?? ownKey(key as PortableKey),
    ttl: input.ttl ?? ((previous.not_after - previous.issued_at) as Seconds),
    notAfter: input.notAfter,
    renews: previous.serial,
    what: csr === undefined ? 'new key' : '--csr',
  });
  const { records, ...change } = leafChange(realm, issuer, [leaf]);
  await commit(realm.store, change);
  if (key !== undefined) await realm.files.create(keyFile as string, utf8(await key.toPem(input.passphrase)), 0o600);
  await realm.files.create(input.certificateFile, utf8(chainPem([leaf.der, ...issuer.intermediates])), 0o644);
  const warnings = [shortenedWarning(issuer, leaf) ?? []].flat();
  return { leaf, record: records[0] as CertificateRecord, previous, keyFile, warnings };
}

function ownKey(key: PortableKey): SubjectPublicKeyInfo {
  return parseSpki(key.spki);
}

function isAlternativeName(name: GeneralName): name is AlternativeName {
  return ['dns', 'ip', 'uri', 'email'].includes(name.kind);
}

/** @throws ERR_CERTIFICATE_REVOKED, ERR_CERTIFICATE_PROFILE for an administrator's: the allow-list is asked each time. */
function renewableProfile({ serial, profile, revoked }: CertificateRecord, what: string): CertificateProfile {
  if (revoked !== undefined) {
    throw new JoineryError(
      'ERR_CERTIFICATE_REVOKED',
      `${what}: expected a certificate that is not revoked, found ${serial} (${revoked.reason})`,
    );
  }
  if (profile !== 'admin') return PROFILES[profile];
  throw new JoineryError('ERR_CERTIFICATE_PROFILE', `${what}: expected the certificate of a host or node, found an administrator's`, {
    hint: 'joinery admin issue makes a new one',
  });
}

function assertUnexpired(realm: Realm, { not_after }: CertificateRecord, what: string): void {
  if (realm.clock.now() <= not_after) return;
  const end = formatInstant(not_after as Instant);
  throw new JoineryError('ERR_CERTIFICATE_EXPIRED', `${what}: expected a certificate that is valid, found one that ended ${end}`, {
    hint: 'issue a new one: joinery cert issue, or let the node join again',
  });
}
