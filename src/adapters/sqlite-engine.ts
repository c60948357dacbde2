/** The store's rules in SQL, synchronous: it runs inside the store's worker thread, where waiting for a lock stops nobody. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { leafHash } from '../core/audit/merkle.ts';
import { auditRecord } from '../core/audit/record.ts';
import { JoineryError } from '../core/errors.ts';
import type { AuditEvent, StoreCheck, StoredAuditRecord } from '../core/ports.ts';
import { plainError, type PlainError } from './plain-error.ts';
import { translated } from './sqlite-errors.ts';

/** Deleted keys are remembered for this many writes, so that watchers in other processes hear of them. */
const TOMBSTONES_KEPT = 100_000;
const HOUSEKEEPING_EVERY = 1024;

export interface TextEntry {
  readonly key: string;
  /** Canonical JSON. */
  readonly text: string;
  readonly version: number;
}

export interface TextCommit {
  readonly checks: readonly StoreCheck[];
  /** `text` null deletes. */
  readonly writes: readonly { readonly key: string; readonly text: string | null }[];
  readonly audit: readonly AuditEvent[];
}

export type CommitOutcome = { readonly audit: readonly number[] } | { readonly conflict: string } | { readonly error: PlainError };

export interface Changes {
  readonly version: number;
  readonly auditSize: number;
  /** Keys written or deleted since the version that was asked for, oldest first. */
  readonly keys: readonly string[];
}

/** Statements over an open database. */
export class SqliteEngine {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #write: StatementSync;
  readonly #append: StatementSync;
  readonly #records: StatementSync;
  readonly #changed: StatementSync;
  readonly #ends: StatementSync;

  constructor(path: string, db: DatabaseSync) {
    this.#path = path;
    this.#db = db;
    this.#get = db.prepare('SELECT key, value AS text, version FROM entries WHERE key = ? AND value IS NOT NULL');
    this.#list = db.prepare('SELECT key, value AS text, version FROM entries WHERE key >= ? AND key > ? ORDER BY key');
    this.#write = db.prepare('INSERT OR REPLACE INTO entries (version, key, value) VALUES (?, ?, ?)');
    this.#append = db.prepare('INSERT INTO audit (seq, bytes, leaf) VALUES (?, ?, ?)');
    this.#records = db.prepare('SELECT seq, bytes, leaf FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?');
    this.#changed = db.prepare('SELECT key FROM entries WHERE version > ? ORDER BY version');
    this.#ends = db.prepare(
      'SELECT coalesce((SELECT max(version) FROM entries), 0) AS version, coalesce((SELECT max(seq) FROM audit), -1) + 1 AS auditSize',
    );
  }

  get(key: string): TextEntry | undefined {
    return translated(this.#path, () => this.#get.get(key) as TextEntry | undefined);
  }

  list(prefix: string, after: string, limit: number): TextEntry[] {
    return translated(this.#path, () => {
      const found: TextEntry[] = [];
      // No upper bound in SQL: keys may hold any character, so there is no last string that starts with the prefix.
      for (const row of this.#list.iterate(prefix, after)) {
        const entry = row as unknown as { key: string; text: string | null; version: number };
        if (found.length >= limit || !entry.key.startsWith(prefix)) break;
        if (entry.text !== null) found.push(entry as TextEntry);
      }
      return found;
    });
  }

  auditRecords(from: number, limit: number): StoredAuditRecord[] {
    return translated(this.#path, () => this.#records.all(from, limit) as unknown as StoredAuditRecord[]);
  }

  auditSize(): number {
    return translated(this.#path, () => this.#readEnds().auditSize);
  }

  changes(since: number): Changes {
    return translated(this.#path, () => {
      const ends = this.#readEnds();
      const keys = ends.version === since ? [] : (this.#changed.all(since) as { key: string }[]).map((row) => row.key);
      return { ...ends, keys };
    });
  }

  /**
   * Commits a group: one transaction and one sync of the disk for all, one savepoint for each, so that the conflict or
   * the bad input of one does not touch the others. What strikes the disk strikes them all.
   */
  commitAll(commits: readonly TextCommit[]): CommitOutcome[] {
    return translated(this.#path, () => {
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        let ends = this.#readEnds();
        const before = ends.version;
        const outcomes = commits.map((commit) => {
          const { outcome, version, auditSize } = this.#commitOne(commit, ends);
          ends = { version, auditSize };
          return outcome;
        });
        this.#keepHouse(before, ends.version);
        this.#db.exec('COMMIT');
        return outcomes;
      } catch (error) {
        // SQLite has rolled back by itself on some errors, such as a full disk.
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
  }

  close(): void {
    this.#db.close();
  }

  #readEnds(): { version: number; auditSize: number } {
    return this.#ends.get() as { version: number; auditSize: number };
  }

  #commitOne(
    commit: TextCommit,
    ends: { version: number; auditSize: number },
  ): { outcome: CommitOutcome; version: number; auditSize: number } {
    const conflict = commit.checks.find(
      ({ key, version }) => ((this.#get.get(key) as TextEntry | undefined)?.version ?? 'absent') !== version,
    );
    if (conflict !== undefined) return { outcome: { conflict: conflict.key }, ...ends };
    let { version, auditSize } = ends;
    this.#db.exec('SAVEPOINT one');
    try {
      for (const { key, text } of commit.writes) this.#write.run(++version, key, text);
      const audit = commit.audit.map((event) => this.#appendRecord(auditSize++, event));
      this.#db.exec('RELEASE one');
      return { outcome: { audit }, version, auditSize };
    } catch (error) {
      if (!(error instanceof JoineryError)) throw error;
      this.#db.exec('ROLLBACK TO one; RELEASE one');
      return { outcome: { error: plainError(error) }, ...ends };
    }
  }

  #appendRecord(seq: number, event: AuditEvent): number {
    const bytes = auditRecord(seq, event);
    this.#append.run(seq, bytes, leafHash(bytes));
    return seq;
  }

  /** Now and then: forget old deletions, and give free pages back to the file system. */
  #keepHouse(before: number, now: number): void {
    if (Math.floor(before / HOUSEKEEPING_EVERY) === Math.floor(now / HOUSEKEEPING_EVERY)) return;
    this.#db.exec(`DELETE FROM entries WHERE value IS NULL AND version < ${now - TOMBSTONES_KEPT}; PRAGMA incremental_vacuum(256)`);
  }
}
