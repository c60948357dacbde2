/**
 * The audit log as lines. As JSON lines each line is exactly the bytes of a record, so that whoever has an export and a checkpoint
 * can verify it without joinery (the leaf of a line is SHA-256 over a zero byte and the line without its newline).
 */
import { cefLine, type ExportFormat, type ExportSource, syslogLine } from '../core/audit/export-line.ts';
import { type AuditFilter, matchesFilter } from '../core/audit/filter.ts';
import { type AuditRecord, parseAuditRecord } from '../core/audit/record.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import type { Store, StoredAuditRecord } from '../core/ports.ts';
import { auditStream } from './audit-stream.ts';

export interface ExportInput {
  /** First sequence number. */
  readonly from: number;
  /** Default: JSON lines. */
  readonly format?: { readonly name: ExportFormat; readonly source: ExportSource };
  readonly filter?: AuditFilter;
}

/**
 * Emits a line for each record from `from` on that the filter takes, without the newline.
 * @returns how many.
 * @throws what a damaged record throws, where a format or a filter has to read it
 */
export async function exportAudit(store: Store, input: ExportInput, emit: (line: string) => Promise<void>): Promise<number> {
  let count = 0;
  for await (const stored of auditStream(store, input.from, await store.auditSize())) {
    const line = lineOf(stored, input);
    if (line === undefined) continue;
    await emit(line);
    count += 1;
  }
  return count;
}

function lineOf(stored: StoredAuditRecord, { format, filter = {} }: ExportInput): string | undefined {
  const what = `audit record ${stored.seq}`;
  const asBytes = format === undefined || format.name === 'jsonl';
  if (asBytes && Object.keys(filter).length === 0) return decodeUtf8(stored.bytes, what);
  const record: AuditRecord = parseAuditRecord(stored.bytes, what);
  if (!matchesFilter(filter, record)) return undefined;
  if (asBytes) return decodeUtf8(stored.bytes, what);
  return format.name === 'cef' ? cefLine(record, format.source) : syslogLine(record, format.source);
}
