/** A revocation list of 100 000 entries from a real store: its size and order are asserted, its time and memory measured and shown. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import type { Realm } from '../../src/app/realm.ts';
import { revocationPrefix } from '../../src/app/revoke-certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { caRealm } from '../app/ca-realm.ts';

const CHUNK = 5000;

/** Serial numbers of 16 octets that are scattered, and the same in every run. */
function serialOf(index: number): string {
  const scattered = Math.imul(index + 1, 2654435761) >>> 0;
  return `4${scattered.toString(16).padStart(8, '0')}${index.toString(16).padStart(23, '0')}`;
}

async function revoked(realm: Realm, from: number, to: number): Promise<void> {
  for (let start = from; start < to; start += CHUNK) {
    const writes = Array.from({ length: CHUNK }, (_, index) => {
      const serial = serialOf(start + index);
      const value = { serial, at: realm.clock.now(), reason: 'superseded', not_after: realm.clock.now() + 86400 };
      return { key: `${revocationPrefix('root')}${serial}`, value };
    });
    await realm.store.commit({ checks: [], writes, audit: [] });
  }
}

it('takes time and memory in proportion to what it lists', async ({ annotate }) => {
  const base = caRealm();
  const realm: Realm = { ...base, store: await openSqliteStore({ path: join(base.directory, 'state.db'), create: true }) };
  await createCa(realm, { name: 'root' });
  const listed: number[] = [];
  for (const [from, to] of [
    [0, 25_000],
    [25_000, 100_000],
  ] as const) {
    await revoked(realm, from, to);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const { der, entries } = await issueCrl(realm, { name: 'root' });
    const [elapsed, grown] = [performance.now() - start, (process.memoryUsage().rss - before) / 2 ** 20];
    await annotate(
      `${entries} entries: ${Math.round(elapsed)} ms, ${(der.length / 2 ** 20).toFixed(1)} MiB of DER, resident memory grew by ${Math.round(grown)} MiB`,
    );
    expect(entries).toBe(to);
    const serials = [...parseRevocationList(der).revoked.keys()];
    expect(serials).toEqual(serials.toSorted());
    expect(serials).toHaveLength(to);
    listed.push(der.length);
  }
  // Serial number, time and reason of one entry with their headers; the signature may differ by an octet.
  const [small, large] = listed as [number, number];
  expect(Math.round((large - small) / 75_000)).toBe(49);
  await realm.store.close();
}, 120_000);
