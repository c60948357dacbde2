/** What the store holds of certificate authorities: `ca/<name>`. */
import type { JsonValue } from '../core/canonical-json.ts';
import { parsePem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { name, nearest } from '../core/names.ts';
import { integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import { KEY_TYPES } from '../core/key-ports.ts';
import { type StoreCheck } from '../core/ports.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { REVOCATION_REASON_NAMES } from '../core/x509/crl-writer.ts';
import type { Realm } from './realm.ts';
import { storeEntries } from './store-pages.ts';

/** When (an instant) and why a certificate was revoked: in `ca/<name>` and in `cert/<serial>`. */
export const revocationRecord = object({ at: integer(), reason: oneOf(REVOCATION_REASON_NAMES) });

const caRecord = object({
  name: name(),
  certificate_pem: string(),
  /** Name of the authority that issued it; left out for a root. */
  parent: optional(name()),
  /** Left out for an authority whose key is not in this realm. */
  key: optional(object({ custody: oneOf(['offline', 'online']), file: string(), type: oneOf(KEY_TYPES) })),
  /** Instant. */
  created_at: integer(),
  /** The parent revoked it. */
  revoked: optional(revocationRecord),
});

export type CaRecord = Parsed<typeof caRecord>;

export interface CertificateAuthority {
  readonly record: CaRecord;
  readonly certificate: Certificate;
  /** That the record is unchanged when a commit comes. */
  readonly check: StoreCheck;
}

const PREFIX = 'ca/';
export const caKey = (caName: string): string => `${PREFIX}${caName}`;

function read(key: string, value: JsonValue, version: number): CertificateAuthority {
  const where = `state.db, record ${key}`;
  const record = parseDocument(caRecord, value, where, 'ERR_REALM_MALFORMED');
  const [block] = parsePem(record.certificate_pem, where);
  return { record, certificate: parseCertificate(block?.der ?? new Uint8Array(0), where), check: { key, version } };
}

/** All authorities of the realm by name. @throws ERR_REALM_MALFORMED, ERR_CERTIFICATE_MALFORMED */
export async function readCas(realm: Pick<Realm, 'store'>): Promise<readonly CertificateAuthority[]> {
  const found: CertificateAuthority[] = [];
  for await (const { key, value, version } of storeEntries(realm.store, PREFIX)) found.push(read(key, value, version));
  return found;
}

/** @param what names the flag or argument in the error. @throws ERR_CA_NOT_FOUND naming the known ones. */
export async function readCa(realm: Pick<Realm, 'store'>, caName: string, what: string): Promise<CertificateAuthority> {
  const entry = await realm.store.get(caKey(caName));
  if (entry !== undefined) return read(caKey(caName), entry.value, entry.version);
  const known = (await readCas(realm)).map((ca) => ca.record.name);
  const near = nearest(caName, known);
  throw new JoineryError('ERR_CA_NOT_FOUND', `${what}: expected a certificate authority of this realm, found ${caName}`, {
    hint: near === undefined ? 'joinery ca list shows them' : `did you mean ${near}?`,
    details: { name: caName, known },
  });
}
