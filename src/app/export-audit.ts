/**
 * The audit log as JSON lines: each line is exactly the bytes of a record, so that whoever has an export and a checkpoint
 * can verify it without joinery (the leaf of a line is SHA-256 over a zero byte and the line without its newline).
 */
import { decodeUtf8 } from '../core/encoding.ts';
import type { Store } from '../core/ports.ts';
import { auditStream } from './audit-stream.ts';

/**
 * Emits a line for each record from `from` on, without the newline.
 * @returns how many.
 */
export async function exportAudit(store: Store, from: number, emit: (line: string) => Promise<void>): Promise<number> {
  let count = 0;
  for await (const record of auditStream(store, from, await store.auditSize())) {
    await emit(decodeUtf8(record.bytes, `audit record ${record.seq}`));
    count += 1;
  }
  return count;
}
