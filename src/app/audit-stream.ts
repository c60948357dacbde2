/** The audit log in pages, so that a long one is never in memory whole. */
import type { Store, StoredAuditRecord } from '../core/ports.ts';

const PAGE = 500;

/** Records from `from` up to, not including, `end` (both sequence numbers), in order, each once, also over a gap in a log that was tampered with. */
export async function* auditStream(store: Pick<Store, 'auditRecords'>, from: number, end: number): AsyncGenerator<StoredAuditRecord> {
  let page: readonly StoredAuditRecord[];
  for (let next = from; next < end; next = (page.at(-1)?.seq ?? end) + 1) {
    page = await store.auditRecords(next, Math.min(PAGE, end - next));
    yield* page;
  }
}
