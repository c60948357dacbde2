/** Revokes a certificate that this realm issued: a leaf, an authority under a parent, or a cross-certificate. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { integer, object, oneOf, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { AuditEvent, StoreCheck, StoreWrite } from '../core/ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { REVOCATION_REASON_NAMES, type RevocationReason } from '../core/x509/crl-writer.ts';
import { caKey, readCas, type revocationRecord } from './ca-records.ts';
import { certificateKey, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { readCrosses } from './cross-records.ts';
import { findNodeCertificate, type NodeCertificate, revokedKeyKey } from './node-records.ts';
import { outboxWrites } from './provider-outbox.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { appendRevocations, type LoggedRevocation } from './revocation-log.ts';

export interface RevokeCertificateInput {
  /** Hex, in any case, with or without colons: the whole serial number. */
  readonly serial: string;
  /** Default unspecified. */
  readonly reason?: RevocationReason | undefined;
}

export interface RevokeCertificateResult {
  /** Lower-case hex. */
  readonly serial: string;
  /** The authority whose next CRL lists it. */
  readonly issuer: string;
  readonly at: Instant;
  readonly reason: RevocationReason;
  /** True when it was revoked before: nothing was changed. */
  readonly already: boolean;
}

/** What a CRL of an authority is made of: `revocation/<authority>/<serial>`, in the order of serial numbers. */
const revocation = object({
  serial: string({ minLength: 2, maxLength: 40, pattern: /^[0-9a-f]+$/ }),
  at: integer(),
  reason: oneOf(REVOCATION_REASON_NAMES),
  /** End of the certificate, after which lists drop it. */
  not_after: integer(),
});

export type RevocationRecord = Parsed<typeof revocation>;

export const revocationPrefix = (issuer: string): string => `revocation/${issuer}/`;

/** @throws ERR_REALM_MALFORMED */
export function parseRevocation(key: string, value: JsonValue): RevocationRecord {
  return parseDocument(revocation, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
}

export interface Target {
  /** Name for the audit log. */
  readonly subject: string;
  readonly issuer: string;
  readonly notAfter: number;
  readonly revoked: Parsed<typeof revocationRecord> | undefined;
  readonly value: JsonObject;
  readonly check: StoreCheck;
  readonly fingerprint: string;
  readonly pin: string;
  /** Of a certificate of a node. */
  readonly node?: Pick<NodeCertificate, 'cluster' | 'node' | 'identity'> | undefined;
  /** Of a leaf. */
  readonly record?: CertificateRecord | undefined;
}

/** Reasons that say nothing against the key. */
const KEY_IS_GOOD: readonly RevocationReason[] = ['superseded', 'cessationOfOperation'];

/** A hold becomes a revocation for good; nothing else is revoked twice. */
export function isStanding(revoked: Parsed<typeof revocationRecord> | undefined, reason: RevocationReason): boolean {
  return revoked !== undefined && (revoked.reason !== 'certificateHold' || reason === 'certificateHold');
}

export interface PlannedRevocation {
  readonly result: RevokeCertificateResult;
  /** For the list of revocations. */
  readonly logged: LoggedRevocation;
  readonly check: StoreCheck;
  readonly writes: readonly StoreWrite[];
  readonly audit: AuditEvent;
}

/**
 * Exact: the whole serial number names one certificate. The record, what the next CRL lists, the entry in the list of revocations and
 * the audit event are one commit. A second revocation changes nothing and gives the first, unless that was a hold.
 * @throws ERR_INPUT_MALFORMED, ERR_CERTIFICATE_NOT_FOUND, ERR_CA_CONSTRAINT for a self-signed root, ERR_STORE_CONFLICT
 */
export async function revokeCertificate(realm: Realm, input: RevokeCertificateInput): Promise<RevokeCertificateResult> {
  const planned = await planRevocation(realm, input);
  if (planned.result.already) return planned.result;
  const log = await appendRevocations(realm.store, [planned.logged]);
  await commit(realm.store, {
    checks: [planned.check, ...log.checks],
    writes: [...planned.writes, ...log.writes],
    audit: [planned.audit],
  });
  return planned.result;
}

/** All of {@link revokeCertificate} but the entry in the list and the commit. @throws as it */
export async function planRevocation(realm: Realm, input: RevokeCertificateInput): Promise<PlannedRevocation> {
  const named = parseSerial(input.serial);
  const { reason = 'unspecified' } = input;
  const target = await findRevocable(realm, named);
  const serial = target.record?.serial ?? named;
  const { issuer, check, fingerprint, node } = target;
  const already = isStanding(target.revoked, reason);
  const standing = already ? target.revoked : undefined;
  const at = (standing?.at as Instant | undefined) ?? realm.clock.now();
  const listed: RevocationRecord = { serial, at, reason, not_after: target.notAfter };
  const details = { serial, issuer, reason, not_after: formatInstant(target.notAfter as Instant) };
  return {
    result: { serial, issuer, at, reason: standing?.reason ?? reason, already },
    logged: {
      serial,
      fingerprint,
      ...(node !== undefined && { spiffe_id: node.identity, node: node.node, cluster: node.cluster }),
      at,
      reason,
    },
    check,
    writes: [
      { key: check.key, value: { ...target.value, revoked: { at, reason } } },
      { key: `${revocationPrefix(issuer)}${serial}`, value: listed },
      ...(await keyWrites(realm, target, { at, serial, reason })),
      ...(target.record === undefined ? [] : outboxWrites(target.record, at, reason)),
    ],
    audit: auditEvent(realm, { event: 'cert.revoke', subject: target.subject, details }),
  };
}

/** What keeps the key of a node out. A hold, which may end, does not take the place of what was said of the key for good. */
async function keyWrites(
  { store }: Realm,
  { node, pin }: Target,
  { at, serial, reason }: { readonly at: Instant; readonly serial: string; readonly reason: RevocationReason },
): Promise<readonly StoreWrite[]> {
  if (node === undefined || KEY_IS_GOOD.includes(reason)) return [];
  const key = revokedKeyKey(pin);
  if (reason === 'certificateHold' && (await store.get(key)) !== undefined) return [];
  return [{ key, value: { at, serial } }];
}

/** @returns lower-case hex. @throws ERR_INPUT_MALFORMED */
export function parseSerial(text: string): string {
  const serial = text.replaceAll(':', '').toLowerCase();
  if (/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) return serial;
  throw new JoineryError(
    'ERR_INPUT_MALFORMED',
    `SERIAL: expected a whole serial number of 1 to 20 octets in hex, found ${JSON.stringify(text.slice(0, 64))}`,
    { hint: 'openssl x509 -noout -serial shows it' },
  );
}

/** @throws ERR_CERTIFICATE_NOT_FOUND, ERR_CA_CONSTRAINT for a self-signed root */
export async function findRevocable(realm: Realm, serial: string): Promise<Target> {
  const target = (await findLeaf(realm, serial)) ?? (await findCross(realm, serial)) ?? (await findCa(realm, serial));
  if (target === undefined) throw notFound(serial);
  return target;
}

function notFound(serial: string): JoineryError {
  return new JoineryError('ERR_CERTIFICATE_NOT_FOUND', `SERIAL: expected a certificate that this realm issued, found none with ${serial}`, {
    hint: 'the whole serial number is needed; a part of it never matches',
    details: { serial },
  });
}

/** A serial number made elsewhere may have a zero octet before it, which tools leave out. */
function isSerial({ serialNumber }: Certificate, serial: string): boolean {
  return serialNumber.replace(/^00/, '') === serial.replace(/^00/, '');
}

async function findLeaf(realm: Realm, serial: string): Promise<Target | undefined> {
  const { store } = realm;
  const key = certificateKey(serial);
  const entry = await store.get(key);
  // Made elsewhere: DER puts a zero octet before a first bit that is set, tools do not show it.
  if (entry === undefined) return serial.startsWith('00') || serial.length > 38 ? undefined : findLeaf(realm, `00${serial}`);
  const record = parseCertificateRecord(key, entry.value);
  return {
    subject: serial,
    record,
    issuer: record.ca,
    notAfter: record.not_after,
    revoked: record.revoked,
    value: { ...record },
    check: { key, version: entry.version },
    fingerprint: record.fingerprint,
    pin: record.spki_pin,
    node: await findNodeCertificate(store, serial),
  };
}

async function findCross(realm: Realm, serial: string): Promise<Target | undefined> {
  const cross = (await readCrosses(realm)).find(({ certificate }) => isSerial(certificate, serial));
  if (cross === undefined) return undefined;
  const { record, certificate, check } = cross;
  const subject = `${record.name} by ${record.by}`;
  const { notAfter, fingerprint, pin } = certificate;
  return { subject, issuer: record.by, notAfter, revoked: record.revoked, value: { ...record }, check, fingerprint, pin };
}

async function findCa(realm: Realm, serial: string): Promise<Target | undefined> {
  const ca = (await readCas(realm)).find(({ certificate }) => isSerial(certificate, serial));
  if (ca === undefined) return undefined;
  const { record, certificate, check } = ca;
  if (record.parent === undefined) {
    throw new JoineryError('ERR_CA_CONSTRAINT', `SERIAL: expected a certificate with an issuer above it, found the root ${record.name}`, {
      hint: 'nothing above a root can revoke it: publish a trust bundle without it (joinery trust publish)',
      details: { key: caKey(record.name) },
    });
  }
  return {
    subject: record.name,
    issuer: record.parent,
    notAfter: certificate.notAfter,
    revoked: record.revoked,
    value: { ...record },
    check,
    fingerprint: certificate.fingerprint,
    pin: certificate.pin,
  };
}
