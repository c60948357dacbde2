/** Makes proofs about the audit log around a signed head: that a record is in it, or that it continues an earlier head. */
import { type Checkpoint, openNote } from '../core/audit/checkpoint.ts';
import { consistencyProof, inclusionProof, leafHash, merkleRoot } from '../core/audit/merkle.ts';
import { formatConsistency, formatInclusion } from '../core/audit/proof.ts';
import { equalBytes } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { StoredAuditRecord } from '../core/ports.ts';
import { auditStream } from './audit-stream.ts';
import { keptNotes } from './audit-heads.ts';
import { readCheckpointKey } from './checkpoint-key.ts';
import type { Realm } from './realm.ts';

type ProofRealm = Pick<Realm, 'store' | 'verifySignature'>;

export interface ProofInput {
  /** The signed head that the proof leads to; without it the newest one that the realm kept. A cosigned one is worth more. */
  readonly checkpoint?: { readonly note: string; readonly source: string };
}

export interface MadeProof {
  /** The file: C2SP tlog-proof, or the body of tlog-witness add-checkpoint. */
  readonly text: string;
  readonly checkpoint: Checkpoint;
  readonly hashes: number;
}

/** @throws ERR_AUDIT_RECORD_NOT_FOUND, ERR_AUDIT_NO_CHECKPOINT, ERR_AUDIT_TAMPERED, ERR_CHECKPOINT_*, ERR_KEY_NOT_FOUND */
export async function proveInclusion(realm: ProofRealm, seq: number, input: ProofInput = {}): Promise<MadeProof> {
  const { note, checkpoint, records } = await headOf(realm, input);
  const record = records[seq];
  if (record === undefined) {
    throw new JoineryError(
      'ERR_AUDIT_RECORD_NOT_FOUND',
      `record ${seq}: expected a number below the ${checkpoint.size} of the head, found more`,
      {
        hint: 'sign a newer one: joinery audit checkpoint',
      },
    );
  }
  const hashes = inclusionProof(leavesOf(records), seq);
  return { text: formatInclusion({ index: seq, record: record.bytes, hashes, note }), checkpoint, hashes: hashes.length };
}

/**
 * @param old size of the earlier head; 0 for a witness that has none yet.
 * @throws ERR_AUDIT_RECORD_NOT_FOUND, ERR_AUDIT_NO_CHECKPOINT, ERR_AUDIT_TAMPERED, ERR_CHECKPOINT_*, ERR_KEY_NOT_FOUND
 */
export async function proveConsistency(realm: ProofRealm, old: number, input: ProofInput = {}): Promise<MadeProof> {
  const { note, checkpoint, records } = await headOf(realm, input);
  if (old > checkpoint.size) {
    throw new JoineryError(
      'ERR_AUDIT_RECORD_NOT_FOUND',
      `--since: expected at most the ${checkpoint.size} records of the head, found ${old}`,
      {
        hint: 'sign a newer one: joinery audit checkpoint',
      },
    );
  }
  const hashes = old === 0 ? [] : consistencyProof(leavesOf(records), old);
  return { text: formatConsistency({ old, hashes, note }), checkpoint, hashes: hashes.length };
}

/** The head, and the records under it, which are those that were signed. */
async function headOf(realm: ProofRealm, { checkpoint: given }: ProofInput) {
  const { key } = await readCheckpointKey(realm.store);
  const { note, source } = given ?? (await newestNote(realm));
  const checkpoint = openNote(note, key, realm.verifySignature, source);
  const records: StoredAuditRecord[] = [];
  for await (const record of auditStream(realm.store, 0, checkpoint.size)) records.push(record);
  // A proof of what is not there would only fail later, on another machine.
  if (equalBytes(merkleRoot(leavesOf(records)), checkpoint.root)) return { note, checkpoint, records };
  throw new JoineryError(
    'ERR_AUDIT_TAMPERED',
    `audit log: expected the ${checkpoint.size} records over which ${source} was signed, found others`,
    {
      hint: 'joinery audit verify says which',
    },
  );
}

function leavesOf(records: readonly StoredAuditRecord[]): Uint8Array[] {
  return records.map(({ bytes }) => leafHash(bytes));
}

async function newestNote(realm: ProofRealm): Promise<{ note: string; source: string }> {
  let newest: { note: string; source: string } | undefined;
  for await (const kept of keptNotes(realm.store)) newest = kept;
  if (newest !== undefined) return newest;
  throw new JoineryError('ERR_AUDIT_NO_CHECKPOINT', 'audit log: expected a signed checkpoint to prove against, found none', {
    hint: 'sign one: joinery audit checkpoint',
  });
}
