/** Issues the full certificate revocation list of an authority. */
import type { JsonObject } from '../core/canonical-json.ts';
import { concat } from '../core/encoding.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { assertInternal, JoineryError } from '../core/errors.ts';
import { integer, object, parseDocument } from '../core/parse.ts';
import type { StoreCheck } from '../core/ports.ts';
import { formatInstant, type Instant, plus, type Seconds } from '../core/time.ts';
import { isSignedBy } from '../core/x509/certificate.ts';
import { parseRevocationList } from '../core/x509/crl.ts';
import { writeCrlEntry, writeTbsCertList } from '../core/x509/crl-writer.ts';
import { writeSigned } from '../core/x509/template.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { openAnyCaKey } from './create-ca.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRevocation, revocationPrefix } from './revoke-certificate.ts';
import { storePages } from './store-pages.ts';

export interface IssueCrlInput {
  readonly name: string;
  /** Until when the next list is there; default 7 days. */
  readonly ttl?: Seconds | undefined;
}

export interface IssueCrlResult {
  readonly name: string;
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** How many certificates it lists. */
  readonly entries: number;
  readonly der: Uint8Array;
  readonly digest: Digest;
  /** Where it lies in the realm, in DER. */
  readonly file: string;
}

const DEFAULT_TTL = 7 * 86400;

/** The last list of an authority: `crl/<name>`. */
const lastList = object({ number: integer(1), this_update: integer(), next_update: integer(), entries: integer() });

/** Where the last list of an authority lies, relative to the realm. */
export function crlFile(caName: string): string {
  return `ca/${caName}.crl`;
}

/**
 * Entries are read page by page and written in the order of serial numbers: time is linear in them, and memory holds their
 * encoding and one page of records. The number and the audit event are one commit; then the list is written as `ca/<name>.crl`.
 * @throws ERR_CA_NOT_FOUND, ERR_CA_CONSTRAINT, ERR_CA_EXPIRED, ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT, ERR_KEY_*
 */
export async function issueCrl(realm: Realm, input: IssueCrlInput): Promise<IssueCrlResult> {
  const ca = await readCa(realm, input.name, 'NAME');
  const now = realm.clock.now();
  assertMaySign(ca, now);
  const last = await readLast(realm, ca.record.name, now);
  const key = await openAnyCaKey(realm, ca);
  const { pieces, entries } = await collect(realm, ca.record.name, last.thisUpdate);
  const number = last.number + 1;
  const nextUpdate = plus(now, input.ttl ?? DEFAULT_TTL);
  const tbs = writeTbsCertList({ issuer: ca.certificate, signer: key.type, number, thisUpdate: now, nextUpdate, entries: pieces });
  const der = writeSigned(tbs, key.type, await key.sign(tbs, 'der'));
  assertReadsBack(realm, ca, der, entries);
  const file = crlFile(ca.record.name);
  const result: IssueCrlResult = { name: ca.record.name, number, thisUpdate: now, nextUpdate, entries, der, digest: digestOf(der), file };
  await commitCrl(realm, result, [ca.check, last.check]);
  await realm.files.replace(`${realm.directory}/${file}`, der, 0o644);
  return result;
}

function assertMaySign({ record, certificate }: CertificateAuthority, now: Instant): void {
  if (certificate.extensions.keyUsage?.has('cRLSign') === false) {
    throw new JoineryError(
      'ERR_CA_CONSTRAINT',
      `${record.name}: expected keyUsage with cRLSign (RFC 5280 section 4.2.1.3), found it without`,
    );
  }
  if (now < certificate.notBefore || now > certificate.notAfter) {
    throw new JoineryError(
      'ERR_CA_EXPIRED',
      `${record.name}: expected an authority that is valid now, found its end at ${formatInstant(certificate.notAfter)}`,
    );
  }
}

interface Last {
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly check: StoreCheck;
}

/** The last list of an authority. @throws ERR_CLOCK_BEHIND when `now` is before it */
export async function readLast({ store }: Realm, caName: string, now: Instant): Promise<Last> {
  const key = `crl/${caName}`;
  const entry = await store.get(key);
  if (entry === undefined) return { number: 0, thisUpdate: -1, nextUpdate: -1, check: { key, version: 'absent' } };
  const { number, this_update, next_update } = parseDocument(lastList, entry.value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
  if (now < this_update) {
    throw new JoineryError(
      'ERR_CLOCK_BEHIND',
      `${caName}: expected a time from the last list on, ${formatInstant(this_update as Instant)}, found ${formatInstant(now)}`,
      { hint: 'a list that looks older than its predecessor would be ignored; set the clock' },
    );
  }
  return { number, thisUpdate: this_update, nextUpdate: next_update, check: { key, version: entry.version } };
}

/** One piece of DER for each page of the store. */
async function collect({ store }: Realm, caName: string, lastUpdate: number): Promise<{ pieces: Uint8Array[]; entries: number }> {
  const prefix = revocationPrefix(caName);
  const pieces: Uint8Array[] = [];
  let entries = 0;
  for await (const page of storePages(store, prefix)) {
    const listed = page
      .map(({ key, value }) => parseRevocation(key, value))
      // RFC 5280 section 3.3: an entry goes only after it was on a list that was issued beyond the certificate's end.
      .filter(({ at, not_after }) => !(not_after < lastUpdate && at <= lastUpdate));
    if (listed.length === 0) continue;
    pieces.push(concat(...listed.map(({ serial, at, reason }) => writeCrlEntry({ serialNumber: serial, at: at as Instant, reason }))));
    entries += listed.length;
  }
  return { pieces, entries };
}

function assertReadsBack(realm: Realm, ca: CertificateAuthority, der: Uint8Array, entries: number): void {
  const list = parseRevocationList(der, 'new revocation list');
  const good = list.revoked.size === entries && list.unusable === undefined && isSignedBy(list, ca.certificate.spki, realm.verifySignature);
  assertInternal(good, 'a new revocation list does not read back as it was meant');
}

async function commitCrl(realm: Realm, result: IssueCrlResult, checks: readonly StoreCheck[]): Promise<void> {
  const { name, number, thisUpdate, nextUpdate, entries, digest } = result;
  const value: JsonObject = { number, this_update: thisUpdate, next_update: nextUpdate, entries };
  const details = { crl_number: number, next_update: formatInstant(nextUpdate), entries, digest };
  await commit(realm.store, {
    checks,
    writes: [{ key: `crl/${name}`, value }],
    audit: [auditEvent(realm, { event: 'ca.crl', subject: name, details })],
  });
}
