/** Certificates, requests and what else is in a file, for people and for `--json`. */
import type { CertificateRecord } from '../../app/certificate-records.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { toHex } from '../../core/encoding.ts';
import { formatInstant, type Instant } from '../../core/time.ts';
import type { Certificate } from '../../core/x509/certificate.ts';
import type { RevocationList } from '../../core/x509/crl.ts';
import type { CertificationRequest } from '../../core/x509/csr.ts';
import type { X509Document } from '../../core/x509/documents.ts';
import type { Extensions } from '../../core/x509/extensions.ts';
import { fingerprintsOf } from '../../core/x509/fingerprints.ts';
import { generalNameText } from '../../core/x509/general-names.ts';
import { keyText } from '../../core/x509/known-keys.ts';
import { PKCS12_OID } from '../../core/x509/pkcs12-outline.ts';
import { oidText } from '../../core/x509/oids.ts';
import { reasonText } from '../../core/x509/revocation.ts';
import type { RequestComparison } from '../../core/x509/sign-request.ts';
import { constraintsData } from './general-names.ts';
import { fields, printable, table } from './text.ts';

function extensionFields({ basicConstraints, keyUsage, extKeyUsage, subjectAltName, nameConstraints, list }: Extensions): JsonObject {
  return {
    sans: (subjectAltName ?? []).map(generalNameText),
    ca: basicConstraints?.cA ?? false,
    path_len: basicConstraints?.pathLenConstraint ?? null,
    key_usage: [...(keyUsage ?? [])],
    ext_key_usage: (extKeyUsage ?? []).map(oidText),
    name_constraints: constraintsData(nameConstraints),
    extensions: list.map(({ oid, critical }) => ({ oid, name: oidText(oid), critical })),
  };
}

export function certificateData(certificate: Certificate): JsonObject {
  const { subject, issuer, serialNumber, version, notBefore, notAfter, publicKey, signatureAlgorithm, algorithm, extensions } = certificate;
  const { subjectKeyIdentifier, authorityKeyIdentifier } = extensions;
  return {
    kind: 'certificate',
    version,
    serial: serialNumber,
    subject: subject.text,
    issuer: issuer.text,
    self_issued: certificate.selfIssued,
    not_before: formatInstant(notBefore),
    not_after: formatInstant(notAfter),
    key: keyText(publicKey.key),
    signature_algorithm: signatureAlgorithm ?? algorithm.oid,
    ...extensionFields(extensions),
    subject_key_identifier: subjectKeyIdentifier === undefined ? null : toHex(subjectKeyIdentifier),
    authority_key_identifier: authorityKeyIdentifier?.keyIdentifier === undefined ? null : toHex(authorityKeyIdentifier.keyIdentifier),
    fingerprints: { ...fingerprintsOf(certificate) },
  };
}

function requestData(csr: CertificationRequest): JsonObject {
  return {
    kind: 'request',
    subject: csr.subject.text,
    key: keyText(csr.publicKey.key),
    spki_pin: csr.pin,
    signature_algorithm: csr.signatureAlgorithm ?? 'not accepted',
    ...extensionFields(csr.extensions),
    other_attributes: [...csr.otherAttributes],
  };
}

function listData({ issuer, thisUpdate, nextUpdate, cRLNumber, revoked, signatureAlgorithm }: RevocationList): JsonObject {
  return {
    kind: 'revocation-list',
    issuer: issuer.text,
    crl_number: cRLNumber === undefined ? null : BigInt(`0x${cRLNumber}`).toString(),
    this_update: formatInstant(thisUpdate),
    next_update: formatInstant(nextUpdate),
    signature_algorithm: signatureAlgorithm ?? 'not accepted',
    revoked: revoked.size,
    entries: [...revoked].map(([serial, entry]) => ({ serial, at: formatInstant(entry.at), reason: reasonText(entry) })),
  };
}

/** A list may have a hundred thousand entries; `--json` gives all of them. */
const MAX_ENTRIES = 20;

function entryLines({ revoked }: RevocationList): string[] {
  const shown = [...revoked].slice(0, MAX_ENTRIES).map(([serial, entry]) => {
    return printable(`  revoked ${serial} ${formatInstant(entry.at)} ${reasonText(entry)}`);
  });
  return revoked.size > MAX_ENTRIES ? [...shown, `  and ${revoked.size - MAX_ENTRIES} more: --json shows all`] : shown;
}

const BAG_NAMES: Readonly<Record<string, string>> = {
  [PKCS12_OID.keyBag]: 'private key (not encrypted)',
  [PKCS12_OID.shroudedKeyBag]: 'private key (encrypted)',
  [PKCS12_OID.certBag]: 'certificate',
};

export function documentData(document: X509Document): JsonObject {
  switch (document.kind) {
    case 'certificate':
      return certificateData(document.certificate);
    case 'request':
      return requestData(document.csr);
    case 'revocation-list':
      return listData(document.list);
    case 'public-key':
      return { kind: document.kind, key: keyText(document.publicKey.key), spki_pin: document.pin };
    case 'private-key':
      return { kind: document.kind, encrypted: document.encrypted };
    case 'pkcs12': {
      const { version, macAlgorithm, macIterations, bags, encryptedParts } = document.outline;
      return {
        kind: document.kind,
        version,
        mac: macAlgorithm === undefined ? null : { algorithm: oidText(macAlgorithm), iterations: macIterations as number },
        bags: bags.map((bag) => BAG_NAMES[bag] ?? bag),
        encrypted_parts: encryptedParts,
      };
    }
  }
}

const LABELS: Readonly<Record<string, string>> = {
  sans: 'names',
  not_before: 'not before',
  not_after: 'not after',
  signature_algorithm: 'signature',
  key_usage: 'key usage',
  ext_key_usage: 'key purposes',
  path_len: 'path length',
  self_issued: 'self-issued',
  subject_key_identifier: 'subject key id',
  authority_key_identifier: 'authority key id',
  other_attributes: 'attributes',
  encrypted_parts: 'encrypted parts',
  spki_pin: 'pin',
  ssh_like: 'pin (SSH form)',
  sha256: 'fingerprint',
};

/** The same facts as lines. */
export function documentText(document: X509Document): string {
  if (document.kind !== 'revocation-list') return fields(lines(documentData(document)));
  const { entries: _, ...data } = listData(document.list);
  return [fields(lines(data)), ...entryLines(document.list)].join('\n');
}

function lines(data: JsonObject): Record<string, string | number | undefined> {
  const rows: Record<string, string | number | undefined> = {};
  for (const [name, value] of Object.entries(data)) {
    const label = LABELS[name] ?? name.replaceAll('_', ' ');
    if (Array.isArray(value)) rows[label] = value.length === 0 ? undefined : value.map(itemText).join(', ');
    else if (typeof value === 'object' && value !== null) Object.assign(rows, lines(value as JsonObject));
    else rows[label] = value === null || value === '' ? undefined : String(value);
  }
  return rows;
}

function itemText(item: unknown): string {
  const { name, critical } = item as { name?: string; critical?: boolean };
  return name === undefined ? String(item) : `${name}${critical === true ? ' (critical)' : ''}`;
}

/** What a request asked for beside what it gets. */
export function comparisonTable(rows: readonly RequestComparison[]): string {
  return table(
    ['ITEM', 'ASKED FOR', 'GETS', 'RULE'],
    rows.map(({ item, asked, granted, rule }) => [item, asked ?? '-', granted ?? '(not granted)', rule]),
  );
}

export function recordData(record: CertificateRecord): JsonObject {
  const { certificate: _der, not_before, not_after, issued_at, ...rest } = record;
  const at = (value: number): string => formatInstant(value as Instant);
  return { ...rest, sans: [...rest.sans], not_before: at(not_before), not_after: at(not_after), issued_at: at(issued_at) } as JsonObject;
}

export function recordText(record: CertificateRecord): string {
  const { serial, ca, profile, subject, sans, not_before, not_after, fingerprint, spki_pin } = record;
  return fields({
    serial,
    issuer: ca,
    profile,
    subject,
    names: sans.join(', ') || undefined,
    'not before': formatInstant(not_before as Instant),
    'not after': formatInstant(not_after as Instant),
    fingerprint,
    pin: spki_pin,
  });
}
