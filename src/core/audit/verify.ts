/** Checks a stored audit log, record by record, against the heads that somebody kept. Pure: the caller reads and streams. */
import { canonicalJson, type JsonValue } from '../canonical-json.ts';
import { equalBytes, toHex } from '../encoding.ts';
import type { JoineryError } from '../errors.ts';
import type { StoredAuditRecord } from '../ports.ts';
import type { Checkpoint } from './checkpoint.ts';
import { CompactRange, leafHash } from './merkle.ts';
import { type AuditRecord, parseAuditRecord } from './record.ts';

/** A head whose signature was checked, and where it came from. */
export interface KeptCheckpoint extends Checkpoint {
  /** `state.db`, or the file that the caller gave. */
  readonly source: string;
}

/** The first thing that is wrong. */
export type AuditFinding =
  /** This record was changed, or is not in its place. */
  | { readonly kind: 'record'; readonly seq: number; readonly problem: string }
  /** A change between two heads that leaves every record well-formed: some record from `from` to `to` (inclusive) is not the one that was signed. */
  | { readonly kind: 'interval'; readonly from: number; readonly to: number; readonly problem: string }
  /** Records that were signed are not there any more: from `from` to `to`. */
  | { readonly kind: 'cut'; readonly from: number; readonly to: number; readonly problem: string }
  /** A head that the log says was signed is not kept, or is another one. */
  | { readonly kind: 'checkpoint'; readonly seq: number; readonly problem: string };

export interface AuditCoverage {
  /** Records in the log. */
  readonly size: number;
  /** Merkle root over them all, lower-case hex. */
  readonly root: string;
  /** Heads that agreed. */
  readonly checkpoints: number;
  /** Records that a head vouches for: 0 to `covered` - 1. Nothing is promised for the rest. */
  readonly covered: number;
}

/** The event by which the log itself tells which heads were signed. */
export const CHECKPOINT_EVENT = 'audit.checkpoint';

/**
 * Checks records in order. A finding is final: the check ends with the first.
 *
 * What each check stops: a number out of place (removal, reorder, insertion), another spelling or a stored leaf that is not
 * the hash of its record (an edit by hand), the root at each kept head (an edit that also recomputed the leaf), the size of
 * the last head (a cut), and the log's own memory of its heads (a head that was removed from the store).
 */
export class AuditVerifier {
  readonly #range = new CompactRange();
  readonly #pending: KeptCheckpoint[];
  readonly #kept: ReadonlyMap<number, KeptCheckpoint>;
  #agreed = 0;
  #covered = 0;

  /** @param checkpoints in any order; several may have one size. */
  constructor(checkpoints: readonly KeptCheckpoint[]) {
    this.#pending = [...checkpoints].sort((a, b) => a.size - b.size);
    this.#kept = new Map(checkpoints.map((checkpoint) => [checkpoint.size, checkpoint]));
  }

  /** Takes the next record. @returns what is wrong, or undefined. */
  add(record: StoredAuditRecord): AuditFinding | undefined {
    const seq = this.#range.size;
    const early = this.#compareHeads();
    if (early !== undefined) return early;
    if (record.seq !== seq) return { kind: 'record', seq, problem: `expected record ${seq}, found record ${record.seq}` };
    const problem = checkRecord(record);
    if (typeof problem === 'string') return { kind: 'record', seq, problem };
    this.#range.append(record.leaf);
    return this.#checkHeadRecord(problem);
  }

  /** Ends the log. @returns what is wrong, or what is covered. */
  finish(): AuditFinding | AuditCoverage {
    const last = this.#compareHeads();
    if (last !== undefined) return last;
    const beyond = this.#pending.at(-1);
    const size = this.#range.size;
    if (beyond !== undefined) {
      const problem = `the log ends after ${size} records, ${beyond.source} has a head over ${beyond.size}`;
      return { kind: 'cut', from: size, to: beyond.size - 1, problem };
    }
    return { size, root: toHex(this.#range.root()), checkpoints: this.#agreed, covered: this.#covered };
  }

  /** Compares every head of exactly the present size. */
  #compareHeads(): AuditFinding | undefined {
    const size = this.#range.size;
    for (let next = this.#pending[0]; next?.size === size; next = this.#pending[0]) {
      if (!equalBytes(next.root, this.#range.root())) {
        const problem = `the records are not those over which the head of ${size} records in ${next.source} was signed`;
        return { kind: 'interval', from: this.#covered, to: Math.max(size - 1, 0), problem };
      }
      this.#pending.shift();
      this.#agreed += 1;
      this.#covered = size;
    }
    return undefined;
  }

  #checkHeadRecord(record: AuditRecord): AuditFinding | undefined {
    if (record.event !== CHECKPOINT_EVENT) return undefined;
    const { size, root } = record.details;
    const kept = typeof size === 'number' ? this.#kept.get(size) : undefined;
    if (kept !== undefined && toHex(kept.root) === root) return undefined;
    const found = kept === undefined ? 'it is not kept any more' : 'another one is kept';
    return { kind: 'checkpoint', seq: record.seq, problem: `the head over ${shown(size)} records was signed, and ${found}` };
  }
}

function shown(value: JsonValue | undefined): string {
  return canonicalJson(value ?? null).slice(0, 40);
}

/** @returns the record, or what is wrong with it. */
function checkRecord({ seq, bytes, leaf }: StoredAuditRecord): AuditRecord | string {
  const record = readRecord(bytes);
  if (typeof record === 'string') return record;
  if (record.seq !== seq) return `it stands at place ${seq} and says that it is number ${record.seq}`;
  if (!equalBytes(leafHash(bytes), leaf)) return 'its stored leaf hash is not the hash of its bytes';
  return record;
}

function readRecord(bytes: Uint8Array): AuditRecord | string {
  try {
    return parseAuditRecord(bytes, 'its bytes');
  } catch (error) {
    return (error as JoineryError).message;
  }
}
