/** Imports a certificate authority whose key was made elsewhere: its certificate as it is, its key encrypted anew. */
import { toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { parseName } from '../core/names.ts';
import type { Custody, SignatureAlgorithm } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { formatInstant } from '../core/time.ts';
import { checkAnchor } from '../core/x509/anchor.ts';
import { type Certificate, isSignedBy } from '../core/x509/certificate.ts';
import { assertUsableKey } from '../core/x509/known-keys.ts';
import { lintCertificate } from '../core/x509/lint.ts';
import { equalNames } from '../core/x509/names.ts';
import { caKey, type CaRecord, type CertificateAuthority, readCas } from './ca-records.ts';
import { caFile } from './create-ca.ts';
import { keepOrDiscard } from './key-material.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface ImportCaInput {
  readonly name: string;
  /** What the file held: one certificate. */
  readonly certificates: readonly Certificate[];
  /** PEM; left out to import the certificate alone, of an authority whose key is elsewhere. */
  readonly keyPem?: string | undefined;
  /** Names the key file in errors. */
  readonly keyName: string;
  /** Asked for an encrypted key. */
  keyPassphrase(): Promise<Secret>;
  /** Default offline for a root, online for another. */
  readonly custody?: Custody | undefined;
}

export interface ImportCaResult {
  readonly record: CaRecord;
  readonly certificate: Certificate;
  readonly file: string;
  readonly warnings: readonly string[];
}

/**
 * The key must sign what the certificate's public key verifies; the certificate must be one of an authority that is valid now,
 * signed by itself or by an authority of this realm. Rules of joinery that it does not keep are warnings.
 * @throws ERR_CA_EXISTS, ERR_CA_CONSTRAINT, ERR_CA_EXPIRED, ERR_CA_ISSUER_UNKNOWN, ERR_CERTIFICATE_KEY, ERR_KEY_KNOWN, ERR_KEY_WEAK,
 * ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE, ERR_STORE_CONFLICT
 */
export async function importCa(realm: Realm, input: ImportCaInput): Promise<ImportCaResult> {
  const caName = parseName(input.name, 'NAME');
  const certificate = onlyOne(input.certificates);
  const known = await readCas(realm);
  assertNew(caName, certificate, known);
  assertAuthority(realm, certificate);
  const parent = parentOf(realm, certificate, known);
  const custody = input.custody ?? (parent === undefined ? 'offline' : 'online');
  const adopted = input.keyPem === undefined ? undefined : await adoptKey(realm, input, certificate, input.keyPem);
  const reference = await adopted?.keep({ name: caName, custody });
  const record: CaRecord = {
    name: caName,
    certificate_pem: toPem('CERTIFICATE', certificate.der),
    ...(parent !== undefined && { parent: parent.record.name }),
    ...(reference !== undefined && { key: { ...reference } }),
    created_at: realm.clock.now(),
  };
  await keepOrDiscard(realm.vault, reference === undefined ? [] : [reference], () => commitImport(realm, record, certificate, parent));
  const file = caFile(caName);
  await realm.files.replace(`${realm.directory}/${file}`, utf8(record.certificate_pem), 0o644);
  return { record, certificate, file, warnings: warningsOf(certificate, parent) };
}

function onlyOne([first, ...others]: readonly Certificate[]): Certificate {
  if (others.length === 0) return first as Certificate;
  throw new JoineryError('ERR_CERTIFICATE_MALFORMED', `--cert: expected one certificate, found ${others.length + 1}`, {
    hint: 'import each authority under its own name, the root first',
  });
}

function assertNew(caName: string, certificate: Certificate, known: readonly CertificateAuthority[]): void {
  const same = known.find(({ record, certificate: other }) => record.name === caName || other.fingerprint === certificate.fingerprint);
  if (same === undefined) return;
  throw new JoineryError('ERR_CA_EXISTS', `NAME: expected an authority that is not in this realm, found ${same.record.name}`, {
    hint: `joinery ca show ${same.record.name} shows it`,
  });
}

function assertAuthority({ clock }: Realm, certificate: Certificate): void {
  const { basicConstraints, keyUsage } = certificate.extensions;
  if (basicConstraints?.cA !== true || keyUsage?.has('keyCertSign') === false) {
    throw new JoineryError('ERR_CA_CONSTRAINT', '--cert: expected a certificate of an authority (cA true, keyCertSign), found another');
  }
  assertUsableKey(certificate.publicKey, '--cert');
  const now = clock.now();
  if (now >= certificate.notBefore && now < certificate.notAfter) return;
  const found = `${formatInstant(certificate.notBefore)} to ${formatInstant(certificate.notAfter)}`;
  throw new JoineryError('ERR_CA_EXPIRED', `--cert: expected a certificate that is valid now, found ${found}`);
}

/** @returns undefined for a certificate that its own key signed. */
function parentOf(realm: Realm, certificate: Certificate, known: readonly CertificateAuthority[]): CertificateAuthority | undefined {
  if (checkAnchor(certificate, realm.verifySignature).length === 0) return undefined;
  const parent = known.find(
    (ca) => equalNames(ca.certificate.subject, certificate.issuer) && isSignedBy(certificate, ca.certificate.spki, realm.verifySignature),
  );
  if (parent !== undefined) return parent;
  throw new JoineryError(
    'ERR_CA_ISSUER_UNKNOWN',
    `--cert: expected a self-signed certificate or an issuer in this realm, found ${certificate.issuer.text}`,
    {
      hint: 'import the issuer first (its certificate is enough: leave --key out)',
    },
  );
}

const ALGORITHMS: Readonly<Record<string, SignatureAlgorithm>> = {
  p256: 'ecdsa-sha256',
  p384: 'ecdsa-sha384',
  ed25519: 'ed25519',
  rsa3072: 'rsa-sha256',
  rsa4096: 'rsa-sha256',
};

/** The pair is shown to match by a signature, so that two encodings of one public key are one key. */
async function adoptKey(realm: Realm, { keyName, keyPassphrase }: ImportCaInput, certificate: Certificate, pem: string) {
  const adopted = await realm.vault.adopt(pem, { what: keyName, passphrase: keyPassphrase });
  const { key } = adopted;
  const data = realm.random.bytes(32);
  const signature = await key.sign(data, 'der');
  const algorithm = ALGORITHMS[key.type] as SignatureAlgorithm;
  if (realm.verifySignature({ algorithm, spki: certificate.spki, data, signature, encoding: 'der' })) return adopted;
  throw new JoineryError('ERR_CERTIFICATE_KEY', `${keyName}: expected the private key of the certificate, found another`);
}

async function commitImport(
  realm: Realm,
  record: CaRecord,
  certificate: Certificate,
  parent: CertificateAuthority | undefined,
): Promise<void> {
  const details = {
    parent: parent?.record.name ?? null,
    fingerprint: certificate.fingerprint,
    serial: certificate.serialNumber,
    key_type: record.key?.type ?? null,
    custody: record.key?.custody ?? null,
    not_after: formatInstant(certificate.notAfter),
  };
  await commit(realm.store, {
    checks: [{ key: caKey(record.name), version: 'absent' }, ...(parent === undefined ? [] : [parent.check])],
    writes: [{ key: caKey(record.name), value: { ...record } }],
    audit: [auditEvent(realm, { event: 'ca.import', subject: record.name, details })],
  });
}

function warningsOf(certificate: Certificate, parent: CertificateAuthority | undefined): string[] {
  return lintCertificate(certificate, parent?.certificate).map(
    ({ rule, message }) => `${rule}: ${message}; the imported certificate differs`,
  );
}
