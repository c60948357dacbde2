/** One record of the audit log. */
import { type AuditRecord, parseAuditRecord } from '../core/audit/record.ts';
import { leafHash } from '../core/audit/merkle.ts';
import { toHex } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Store } from '../core/ports.ts';

/** @throws ERR_AUDIT_RECORD_NOT_FOUND, and what a damaged record throws */
export async function showAudit(store: Store, seq: number): Promise<{ readonly record: AuditRecord; readonly leafHash: string }> {
  const [stored] = await store.auditRecords(seq, 1);
  if (stored?.seq === seq)
    return { record: parseAuditRecord(stored.bytes, `audit record ${seq}`), leafHash: toHex(leafHash(stored.bytes)) };
  throw new JoineryError(
    'ERR_AUDIT_RECORD_NOT_FOUND',
    `record ${seq}: expected a number below ${await store.auditSize()}, found none there`,
    {
      hint: 'joinery audit list shows the newest',
    },
  );
}
