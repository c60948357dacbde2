/** Verifies a proof about an audit log with nothing but keys: the log's, and those of the witnesses that somebody believes. */
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { type Checkpoint, type CheckpointKey, openNote } from './checkpoint.ts';
import { type Cosignature, openCosignature } from './cosignature.ts';
import { leafHash, verifyConsistency, verifyInclusion } from './merkle.ts';
import type { NoteKey } from './note-key.ts';
import type { AuditProof, ConsistencyProof, InclusionProof } from './proof.ts';
import { type AuditRecord, parseAuditRecord } from './record.ts';

export interface ProofKeys {
  readonly log: CheckpointKey;
  /** Every one must have signed. */
  readonly witnesses: readonly NoteKey[];
  readonly verifySignature: VerifySignature;
}

export interface VerifiedProof {
  readonly kind: AuditProof['kind'];
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
  /** Of a proof that it is in the log. */
  readonly record?: AuditRecord;
  /** Of a proof that the log continues it. */
  readonly earlier?: Checkpoint;
}

/** @throws ERR_CHECKPOINT_MALFORMED, ERR_CHECKPOINT_SIGNATURE, ERR_CHECKPOINT_COSIGNATURE */
export function openCheckpoint(note: string, { log, witnesses, verifySignature }: ProofKeys, what: string): VerifiedProof {
  const checkpoint = openNote(note, log, verifySignature, what);
  const cosignatures = witnesses.map((witness) => openCosignature(note, witness, verifySignature, what));
  return { kind: 'checkpoint', checkpoint, cosignatures };
}

/** @throws ERR_PROOF_INVALID and what {@link openCheckpoint} and reading the record throw */
export function verifyInclusionProof(
  proof: InclusionProof,
  keys: ProofKeys,
  what: string,
): VerifiedProof & { readonly record: AuditRecord } {
  const { index, hashes, record } = proof;
  const opened = openCheckpoint(proof.note, keys, what);
  if (record === undefined) throw invalid(what, 'expected the record in the line "extra", found none');
  const { size, root } = opened.checkpoint;
  if (!verifyInclusion({ leaf: leafHash(record), index, size, root, proof: hashes }))
    throw invalid(what, `expected a proof that leads from the record to the root of ${size} records, found another`);
  const parsed = parseAuditRecord(record, `${what}, the record`);
  if (parsed.seq !== index) throw invalid(what, `expected record ${index}, found a record that says it is number ${parsed.seq}`);
  return { ...opened, kind: 'inclusion', record: parsed };
}

/**
 * @param earlier a checkpoint that somebody kept, whose signature was checked.
 * @throws ERR_PROOF_INVALID and what {@link openCheckpoint} throws
 */
export function verifyConsistencyProof(
  proof: ConsistencyProof,
  earlier: Checkpoint,
  keys: ProofKeys,
  what: string,
): VerifiedProof & { readonly earlier: Checkpoint } {
  const opened = openCheckpoint(proof.note, keys, what);
  const { size, root } = opened.checkpoint;
  if (proof.old !== earlier.size) throw invalid(what, `expected a proof from ${earlier.size} records on, found one from ${proof.old} on`);
  const claim = { first: earlier.size, firstRoot: earlier.root, second: size, secondRoot: root, proof: proof.hashes };
  if (!verifyConsistency(claim))
    throw invalid(what, `expected a proof that ${size} records continue the ${earlier.size} of the earlier head, found none`);
  return { ...opened, kind: 'consistency', earlier };
}

function invalid(what: string, message: string): JoineryError {
  return new JoineryError('ERR_PROOF_INVALID', `${what}: ${message}`, {
    hint: 'a log that cannot prove this was rewritten, or the proof is damaged: keep both for an investigation',
  });
}
