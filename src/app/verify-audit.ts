/** Verifies the audit log of a realm against its kept heads and those that the caller kept outside. */
import { type CheckpointKey, openNote, parseVerifierKey } from '../core/audit/checkpoint.ts';
import { openCosignature } from '../core/audit/cosignature.ts';
import { parseNoteKey } from '../core/audit/note-key.ts';
import { type AuditCoverage, type AuditFinding, AuditVerifier, type KeptCheckpoint } from '../core/audit/verify.ts';
import { JoineryError } from '../core/errors.ts';
import { keptNotes } from './audit-heads.ts';
import { auditStream } from './audit-stream.ts';
import { readCheckpointKey } from './checkpoint-key.ts';
import type { Realm } from './realm.ts';

export interface VerifyAuditInput {
  /** C2SP verifier key from outside the realm; without it the realm's own record of its key is believed. */
  readonly verifierKey?: string;
  /** Signed notes from outside the realm, with the names of their files. */
  readonly checkpoints?: readonly { readonly note: string; readonly source: string }[];
  /** C2SP verifier keys of witnesses, each of which must have signed every one of these notes. */
  readonly witnesses?: readonly string[];
}

export interface AuditVerification extends AuditCoverage {
  /** Records behind the last head, for which nothing is promised. */
  readonly tail: number;
  /** The key that verified the heads, in C2SP's form. */
  readonly verifierKey: string;
  readonly keySource: 'given' | 'realm';
  /** True when a head from outside the realm agreed: only then is a log that was rewritten whole, or cut, found. */
  readonly outside: boolean;
}

/** @throws ERR_AUDIT_TAMPERED with the finding in `details`; ERR_CHECKPOINT_*; ERR_KEY_MALFORMED */
export async function verifyAudit(
  realm: Pick<Realm, 'store' | 'verifySignature'>,
  input: VerifyAuditInput = {},
): Promise<AuditVerification> {
  const own = await readCheckpointKey(realm.store);
  const { verifierKey, checkpoints: outside = [], witnesses = [] } = input;
  const key = verifierKey === undefined ? own.key : parseVerifierKey(verifierKey, '--key');
  const end = await realm.store.auditSize();
  const kept = await keptHeads(realm, key);
  const endAfter = await realm.store.auditSize();
  // Another process may record and sign meanwhile: a head over records that came since is left to the next check. One over
  // more records than there are even now is a cut.
  const heads = kept.filter((head) => head.size <= end || head.size > endAfter);
  const given = outside.map(({ note, source }) => ({ ...openNote(note, key, realm.verifySignature, source), source }));
  for (const witness of witnesses.map((text) => parseNoteKey('witness', text, '--witness')))
    for (const { note, source } of outside) openCosignature(note, witness, realm.verifySignature, source);
  const coverage = await verifyRecords(realm, [...heads, ...given], end);
  return {
    ...coverage,
    tail: coverage.size - coverage.covered,
    verifierKey: verifierKey?.trim() ?? own.verifier_key,
    keySource: verifierKey === undefined ? 'realm' : 'given',
    outside: given.length > 0,
  };
}

async function verifyRecords({ store }: Pick<Realm, 'store'>, heads: readonly KeptCheckpoint[], end: number): Promise<AuditCoverage> {
  const verifier = new AuditVerifier(heads);
  for await (const record of auditStream(store, 0, end)) {
    const finding = verifier.add(record);
    if (finding !== undefined) throw tampered(finding);
  }
  const result = verifier.finish();
  if ('kind' in result) throw tampered(result);
  return result;
}

async function keptHeads(realm: Pick<Realm, 'store' | 'verifySignature'>, key: CheckpointKey): Promise<KeptCheckpoint[]> {
  const heads: KeptCheckpoint[] = [];
  for await (const { note, source } of keptNotes(realm.store))
    heads.push({ ...openNote(note, key, realm.verifySignature, source), source: 'state.db' });
  return heads;
}

function tampered(finding: AuditFinding): JoineryError {
  const where = 'from' in finding ? `records ${finding.from} to ${finding.to}` : `record ${finding.seq}`;
  return new JoineryError('ERR_AUDIT_TAMPERED', `audit log, ${where}: ${finding.problem}`, {
    hint: 'keep this state as it is for an investigation; compare with an export or a backup',
    details: { ...finding },
  });
}
