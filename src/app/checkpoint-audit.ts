/**
 * Signs a head over the audit log. The record `audit.checkpoint` of it comes after the tree that it signs, in the same
 * commit as the kept note; so the newest record of a log is at best this one, and a log in which nothing followed the last
 * head is not signed again.
 */
import { type Checkpoint, signNote } from '../core/audit/checkpoint.ts';
import { CompactRange, leafHash } from '../core/audit/merkle.ts';
import { CHECKPOINT_EVENT } from '../core/audit/verify.ts';
import { fromBase64, toBase64, toHex } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { array, integer, object, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { StoreCheck } from '../core/ports.ts';
import { auditStream } from './audit-stream.ts';
import { readCheckpointKey } from './checkpoint-key.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

/** Prefix of the kept notes; the size follows, padded so that byte order is numeric order. */
export const CHECKPOINT_PREFIX = 'checkpoint/';
const LATEST = 'checkpoint-latest';

/** Where the next checkpoint goes on: the size of the last one and the hashes of its {@link CompactRange}. */
const latestRecord = object({ size: integer(), hashes: array(string({ maxLength: 44 }), { maxItems: 53 }), note: string() });

export interface SignedCheckpoint extends Checkpoint {
  /** The signed note: to be kept outside, where whoever changes the log cannot reach it. */
  readonly note: string;
  /** The key that verifies it, in C2SP's form. */
  readonly verifierKey: string;
  /** False when nothing was new and this is the last one again. */
  readonly signed: boolean;
}

export function checkpointStoreKey(size: number): string {
  return `${CHECKPOINT_PREFIX}${String(size).padStart(16, '0')}`;
}

/**
 * Signs what was recorded since the last head, or gives that head again.
 *
 * The tree goes on from the hashes that the last head left: an older record that was changed meanwhile is not signed anew.
 * @throws ERR_AUDIT_TAMPERED when the log is shorter than at the last head or has a gap; ERR_KEY_*; ERR_STORE_CONFLICT
 */
export async function signCheckpoint(realm: Realm): Promise<SignedCheckpoint> {
  const { verifier_key: verifierKey, reference, key } = await readCheckpointKey(realm.store);
  const { record, check } = await readLatest(realm);
  const end = await realm.store.auditSize();
  if (record !== undefined && end <= record.size) throw tampered(`the log ends after ${end} records, its last head covers ${record.size}`);
  const range = await rangeUpTo(realm, record, end);
  const checkpoint: Checkpoint = { origin: key.name, size: end, root: range.root() };
  // The one record since then is the one about the last head itself.
  if (record !== undefined && end === record.size + 1) {
    const root = new CompactRange(record.size, decoded(record)).root();
    return { ...checkpoint, size: record.size, root, note: record.note, verifierKey, signed: false };
  }
  const note = await signNote(checkpoint, await realm.vault.open(reference));
  const latest = { size: end, hashes: range.hashes.map((hash) => toBase64(hash)), note };
  const details = { size: end, root: toHex(checkpoint.root), verifier_key: verifierKey };
  await commit(realm.store, {
    checks: [check],
    writes: [
      { key: checkpointStoreKey(end), value: note },
      { key: LATEST, value: latest },
    ],
    audit: [auditEvent(realm, { event: CHECKPOINT_EVENT, subject: `${end} records`, details })],
  });
  return { ...checkpoint, note, verifierKey, signed: true };
}

type Latest = Parsed<typeof latestRecord>;

async function readLatest({ store }: Pick<Realm, 'store'>): Promise<{ record: Latest | undefined; check: StoreCheck }> {
  const found = await store.get(LATEST);
  if (found === undefined) return { record: undefined, check: { key: LATEST, version: 'absent' } };
  const record = parseDocument(latestRecord, found.value, `state.db, record ${LATEST}`, 'ERR_REALM_MALFORMED');
  return { record, check: { key: LATEST, version: found.version } };
}

async function rangeUpTo({ store }: Pick<Realm, 'store'>, latest: Latest | undefined, end: number): Promise<CompactRange> {
  const range = latest === undefined ? new CompactRange() : new CompactRange(latest.size, decoded(latest));
  for await (const record of auditStream(store, range.size, end)) {
    if (record.seq !== range.size) throw tampered(`expected record ${range.size} of the log, found record ${record.seq}`);
    range.append(leafHash(record.bytes));
  }
  return range;
}

function decoded({ hashes }: Latest): Uint8Array[] {
  return hashes.map((hash) => fromBase64(hash, `state.db, record ${LATEST}`));
}

function tampered(problem: string): JoineryError {
  return new JoineryError('ERR_AUDIT_TAMPERED', `audit log: ${problem}`, {
    hint: 'look at it with joinery audit verify; nothing was signed',
  });
}
