/** Which of the certificates under which there are connections count no more. */
import { type Fingerprint } from '../core/digest.ts';
import type { Instant } from '../core/time.ts';
import { readCas } from './ca-records.ts';
import { certificateKey, parseCertificateRecord } from './certificate-records.ts';
import type { Realm } from './realm.ts';

export interface PeerCertificate {
  readonly fingerprint: Fingerprint;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notAfter: Instant;
}

/** Fingerprints of those that were not issued here, are revoked, have expired, or whose authority or one above it is revoked. */
export async function spentPeers(
  realm: Pick<Realm, 'store' | 'clock'>,
  peers: readonly PeerCertificate[],
): Promise<readonly Fingerprint[]> {
  const now = realm.clock.now();
  const revoked = await revokedAuthorities(realm);
  const spent: Fingerprint[] = [];
  for (const { fingerprint, serial, notAfter } of peers) {
    const key = certificateKey(serial);
    const entry = await realm.store.get(key);
    const record = entry && parseCertificateRecord(key, entry.value);
    const good = record?.fingerprint === fingerprint && record.revoked === undefined && now <= notAfter && !revoked.has(record.ca);
    if (!good) spent.push(fingerprint);
  }
  return spent;
}

/** Names of the authorities that are revoked, or that stand under one. */
async function revokedAuthorities(realm: Pick<Realm, 'store'>): Promise<ReadonlySet<string>> {
  const cas = await readCas(realm);
  const revoked = new Set(cas.filter(({ record }) => record.revoked !== undefined).map(({ record }) => record.name));
  for (let before = -1; before !== revoked.size;) {
    before = revoked.size;
    for (const { record } of cas) if (record.parent !== undefined && revoked.has(record.parent)) revoked.add(record.name);
  }
  return revoked;
}

/**
 * The fingerprint of a certificate that is revoked, by what the store says changed: `revocation/<authority>/<serial>`. The end of a hold
 * changes that, too, and takes nothing from anybody.
 */
export async function revokedFingerprint({ store }: Pick<Realm, 'store'>, changedKey: string): Promise<Fingerprint | undefined> {
  const key = certificateKey(changedKey.slice(changedKey.lastIndexOf('/') + 1));
  const entry = await store.get(key);
  const record = entry && parseCertificateRecord(key, entry.value);
  return record?.revoked && (record.fingerprint as Fingerprint);
}
