/**
 * The default store: SQLite in a worker thread, so that waiting for another process's lock never stops the event loop.
 *
 * Commits that arrive in one turn of the event loop, or while a group is under way, share one transaction and one sync.
 * An idle store does not keep the process alive; pending requests and watchers do.
 */
import { resolve } from 'node:path';
import { canonicalJson, type JsonValue } from '../core/canonical-json.ts';
import { assertInternal } from '../core/errors.ts';
import type { AuditEvent, Commit, CommitResult, Store, StoredAuditRecord, StoreEngine, StoreEntry, Versioned } from '../core/ports.ts';
import { assertCommit, assertStoreKey } from '../core/store-keys.ts';
import { fromPlainError } from './plain-error.ts';
import { malformed } from './sqlite-errors.ts';
import type { CommitOutcome, TextCommit, TextEntry } from './sqlite-engine.ts';
import { STORE_FORMAT, type StoreFormat } from './sqlite-format.ts';
import type { StoreRequest } from './sqlite-protocol.ts';
import { StoreThread, type Waiting } from './sqlite-thread.ts';
import { WatchLoop } from './sqlite-watch.ts';

/** How long a commit waits for another process. */
const BUSY_TIMEOUT_MS = 10_000;
/** Commits in one transaction: more gain nothing and make the first wait longer. */
const MAX_GROUP = 256;

export interface SqliteStoreOptions {
  readonly path: string;
  /** Makes the file, which must not exist. Default false: it must exist. */
  readonly create?: boolean;
  readonly busyTimeoutMs?: number;
  readonly format?: StoreFormat;
}

/**
 * Opens or makes a realm's state.
 * @throws ERR_REALM_NOT_FOUND, ERR_REALM_VERSION, ERR_REALM_MALFORMED, ERR_FILE_ACCESS, ERR_FILE_EXISTS, ERR_STORE_BUSY
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { create = false, busyTimeoutMs = BUSY_TIMEOUT_MS, format = STORE_FORMAT } = options;
  const thread = new StoreThread();
  try {
    await thread.request({ op: 'open', path: resolve(options.path), create, format, timeoutMs: busyTimeoutMs });
  } catch (error) {
    await thread.stop();
    throw error;
  }
  return new SqliteStore(options.path, thread);
}

/** State files as backup, restore and upgrade need them. */
export function sqliteEngine(options: { readonly busyTimeoutMs?: number; readonly format?: StoreFormat } = {}): StoreEngine {
  const { busyTimeoutMs: timeoutMs = BUSY_TIMEOUT_MS, format = STORE_FORMAT } = options;
  return {
    open: (path) => openSqliteStore({ path, busyTimeoutMs: timeoutMs, format }),
    copy: (from, to) => once({ op: 'copy', from: resolve(from), to: resolve(to), timeoutMs }),
    formatOf: async (path) => ({ found: await once<number>({ op: 'formatOf', path: resolve(path), timeoutMs }), current: format.version }),
    upgrade: (path: string, event: AuditEvent) => once<number>({ op: 'upgrade', path: resolve(path), format, timeoutMs, event }),
  };
}

async function once<T>(request: StoreRequest): Promise<T> {
  const thread = new StoreThread();
  try {
    return await thread.request<T>(request);
  } finally {
    await thread.stop();
  }
}

interface PendingCommit extends Waiting {
  readonly commit: TextCommit;
}

class SqliteStore implements Store {
  readonly #path: string;
  readonly #thread: StoreThread;
  readonly #watch: WatchLoop;
  #queue: PendingCommit[] = [];
  #flushing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(path: string, thread: StoreThread) {
    this.#path = path;
    this.#thread = thread;
    this.#watch = new WatchLoop(thread);
  }

  async get(key: string): Promise<Versioned | undefined> {
    assertStoreKey(key);
    const entry = await this.#request<TextEntry | undefined>({ op: 'get', key });
    return entry && { value: this.#valueOf(entry), version: entry.version };
  }

  async list(prefix: string, page: { readonly after?: string; readonly limit?: number } = {}): Promise<readonly StoreEntry[]> {
    const { after = '', limit = 1000 } = page;
    const entries = await this.#request<TextEntry[]>({ op: 'list', prefix, after, limit });
    return entries.map((entry) => ({ key: entry.key, value: this.#valueOf(entry), version: entry.version }));
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#assertOpen();
    assertCommit(commit);
    // The text is made now: a caller that changes its object later does not change what is written.
    const writes = commit.writes.map((write) => ({ key: write.key, text: 'delete' in write ? null : canonicalJson(write.value) }));
    const outcome = await new Promise<unknown>((resolve, reject) => {
      this.#queue.push({ commit: { checks: commit.checks, writes, audit: commit.audit }, resolve, reject });
      if (this.#queue.length === 1) setImmediate(() => void this.#flush());
    });
    return commitResult(outcome as CommitOutcome);
  }

  watch(prefix: string, onChange: (keys: readonly string[]) => void): () => void {
    this.#assertOpen();
    return this.#watch.add({ prefix, onChange });
  }

  auditRecords(from: number, limit: number): Promise<readonly StoredAuditRecord[]> {
    return this.#request({ op: 'auditRecords', from, limit });
  }

  auditSize(): Promise<number> {
    return this.#request({ op: 'auditSize' });
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    this.#watch.stop();
    await this.#flush();
    await this.#thread.stop();
  }

  async #request<T>(request: StoreRequest): Promise<T> {
    this.#assertOpen();
    return this.#thread.request<T>(request);
  }

  #valueOf({ key, text }: TextEntry): JsonValue {
    try {
      return JSON.parse(text) as JsonValue;
    } catch (cause) {
      throw malformed(this.#path, `found something else than JSON in the record ${key}`, cause);
    }
  }

  #assertOpen(): void {
    assertInternal(this.#closed === undefined, 'the store is closed');
  }

  /** Sends what waits, group by group; whoever comes while a group is under way joins the next. */
  #flush(): Promise<void> {
    this.#flushing ??= this.#sendAll().finally(() => (this.#flushing = undefined));
    return this.#flushing;
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#send(this.#queue.splice(0, MAX_GROUP));
  }

  async #send(group: readonly PendingCommit[]): Promise<void> {
    try {
      const outcomes = await this.#thread.request<CommitOutcome[]>({ op: 'commit', commits: group.map(({ commit }) => commit) });
      group.forEach((pending, index) => pending.resolve(outcomes[index]));
      this.#watch.poll();
    } catch (error) {
      for (const pending of group) pending.reject(error as Error);
    }
  }
}

function commitResult(outcome: CommitOutcome): CommitResult {
  if ('error' in outcome) throw fromPlainError(outcome.error);
  return 'conflict' in outcome ? { ok: false, conflict: outcome.conflict } : { ok: true, audit: outcome.audit };
}
