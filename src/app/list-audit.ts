/** Reads the audit log for people: a page of it, or what comes as it comes. */
import { type AuditFilter, matchesFilter } from '../core/audit/filter.ts';
import { type AuditRecord, parseAuditRecord } from '../core/audit/record.ts';
import type { Store, StoredAuditRecord } from '../core/ports.ts';
import { AUDIT_LOG_CHANGED } from '../core/store-keys.ts';
import { auditStream } from './audit-stream.ts';

const PAGE = 500;

export interface ListAuditInput {
  readonly filter: AuditFilter;
  /** At most so many records. */
  readonly limit: number;
  /** Forward from this sequence number; without it the newest ones. */
  readonly from?: number;
}

export interface AuditPage {
  /** Oldest first. */
  readonly records: readonly AuditRecord[];
  /** Where a forward list goes on; undefined at the end of the log, and for a list of the newest. */
  readonly next: number | undefined;
}

/** @throws ERR_JSON_MALFORMED and its like for a record that is damaged; `audit verify` says more. */
export async function listAudit(store: Store, { filter, limit, from }: ListAuditInput): Promise<AuditPage> {
  return from === undefined ? newest(store, filter, limit) : forward(store, filter, limit, from);
}

async function forward(store: Store, filter: AuditFilter, limit: number, from: number): Promise<AuditPage> {
  const records: AuditRecord[] = [];
  const end = await store.auditSize();
  for await (const stored of auditStream(store, from, end)) {
    if (records.length === limit) return { records, next: stored.seq };
    const record = read(stored);
    if (matchesFilter(filter, record)) records.push(record);
  }
  return { records, next: undefined };
}

async function newest(store: Store, filter: AuditFilter, limit: number): Promise<AuditPage> {
  let records: AuditRecord[] = [];
  let end = await store.auditSize();
  while (end > 0 && records.length < limit) {
    const start = Math.max(0, end - PAGE);
    const page = await store.auditRecords(start, end - start);
    records = [...page.map((stored) => read(stored)).filter((record) => matchesFilter(filter, record)), ...records];
    end = start;
  }
  return { records: records.slice(-limit), next: undefined };
}

export interface Following {
  /** Ends it; what is being emitted is finished first. */
  stop(): Promise<void>;
  /** Rejects when reading or emitting fails; resolves after {@link stop}. */
  readonly ended: Promise<void>;
}

/** Emits the records from `from` on that match, and then each new one, of this and other processes, in order. */
export function followAudit(
  store: Store,
  { filter, from }: { readonly filter: AuditFilter; readonly from: number },
  emit: (record: AuditRecord) => Promise<void>,
): Following {
  const { promise: ended, resolve, reject } = Promise.withResolvers<undefined>();
  let next = from;
  const pump = async (): Promise<void> => {
    for await (const stored of auditStream(store, next, await store.auditSize())) {
      next = stored.seq + 1;
      const record = read(stored);
      if (matchesFilter(filter, record)) await emit(record);
    }
  };
  // Watched before the first read, so that nothing falls between the two.
  const unwatch = store.watch(AUDIT_LOG_CHANGED, () => proceed());
  let work = Promise.resolve();
  const proceed = (): void => {
    work = work.then(pump);
    work.catch(reject);
  };
  proceed();
  const stop = async (): Promise<void> => {
    unwatch();
    await work.then(() => resolve(undefined), reject);
  };
  return { stop, ended };
}

function read(stored: StoredAuditRecord): AuditRecord {
  return parseAuditRecord(stored.bytes, `audit record ${stored.seq}`);
}
