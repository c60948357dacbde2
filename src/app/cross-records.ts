/** What the store holds of cross-certificates: `ca-cross/<name>/<by>`. */
import { parsePem, type PemBlock } from '../core/encoding.ts';
import { name } from '../core/names.ts';
import { integer, object, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { StoreCheck } from '../core/ports.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { revocationRecord } from './ca-records.ts';
import type { Realm } from './realm.ts';
import { storePages } from './store-pages.ts';

const crossRecord = object({
  /** The authority whose subject and key it certifies. */
  name: name(),
  /** The authority that signed it. */
  by: name(),
  certificate_pem: string(),
  /** Instant. */
  created_at: integer(),
  revoked: optional(revocationRecord),
});

export type CrossRecord = Parsed<typeof crossRecord>;

export interface CrossCertificate {
  readonly record: CrossRecord;
  readonly certificate: Certificate;
  readonly check: StoreCheck;
}

const PREFIX = 'ca-cross/';
export const crossKey = (caName: string, by: string): string => `${PREFIX}${caName}/${by}`;

/** The cross-certificates of one authority, or of all, by name. @throws ERR_REALM_MALFORMED */
export async function readCrosses({ store }: Pick<Realm, 'store'>, caName?: string): Promise<readonly CrossCertificate[]> {
  const prefix = caName === undefined ? PREFIX : `${PREFIX}${caName}/`;
  const found: CrossCertificate[] = [];
  for await (const page of storePages(store, prefix)) {
    for (const { key, value, version } of page) {
      const where = `state.db, record ${key}`;
      const record = parseDocument(crossRecord, value, where, 'ERR_REALM_MALFORMED');
      const [block] = parsePem(record.certificate_pem, where);
      found.push({ record, certificate: parseCertificate((block as PemBlock).der, where), check: { key, version } });
    }
  }
  return found;
}
