/** The audit log in pages, so that a long one is never in memory whole. */
import type { Store, StoredAuditRecord } from '../core/ports.ts';

const PAGE = 500;

/** Records from `from` up to, not including, `end` (both sequence numbers), in order. */
export async function* auditStream(store: Pick<Store, 'auditRecords'>, from: number, end: number): AsyncGenerator<StoredAuditRecord> {
  for (let start = from; start < end; start += PAGE) yield* await store.auditRecords(start, Math.min(PAGE, end - start));
}
