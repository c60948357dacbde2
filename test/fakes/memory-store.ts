import { auditRecord } from '../../src/core/audit/record.ts';
import { leafHash } from '../../src/core/audit/merkle.ts';
import { canonicalJson, type JsonValue } from '../../src/core/canonical-json.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { Commit, CommitResult, Store, StoredAuditRecord, StoreEntry } from '../../src/core/ports.ts';
import { assertCommit, assertStoreKey, AUDIT_LOG_CHANGED, compareKeys } from '../../src/core/store-keys.ts';

export interface MemoryStore extends Store {
  /** Runs before each commit: throw to make it fail, or change the store first to make it conflict. */
  beforeCommit: ((commit: Commit) => void | Promise<void>) | undefined;
  /** The stored audit records; a test may damage them. */
  readonly audit: StoredAuditRecord[];
  /** All values by key, for assertions. */
  dump(): Readonly<Record<string, JsonValue>>;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (keys: readonly string[]) => void;
}

/** The store port in memory, as exact as the real one: the contract suite runs over both. */
export function memoryStore(): MemoryStore {
  const entries = new Map<string, { text: string; version: number }>();
  const watchers = new Set<Watcher>();
  const audit: StoredAuditRecord[] = [];
  let lastVersion = 0;
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw new JoineryError('ERR_INTERNAL', 'the store is closed');
  };
  const read = (key: string): StoreEntry | undefined => {
    const entry = entries.get(key);
    return entry && { key, value: JSON.parse(entry.text) as JsonValue, version: entry.version };
  };

  function apply(commit: Commit, texts: readonly (string | undefined)[]): CommitResult {
    for (const { key, version } of commit.checks) {
      if ((entries.get(key)?.version ?? 'absent') !== version) return { ok: false, conflict: key };
    }
    // Everything that can fail comes before the first change.
    const records = commit.audit.map((event, index) => {
      const seq = audit.length + index;
      const bytes = auditRecord(seq, event);
      return { seq, bytes, leaf: leafHash(bytes) };
    });
    commit.writes.forEach(({ key }, index) => {
      const text = texts[index];
      lastVersion += 1;
      if (text === undefined) entries.delete(key);
      else entries.set(key, { text, version: lastVersion });
    });
    audit.push(...records);
    notify([...commit.writes.map((write) => write.key), ...(records.length > 0 ? [AUDIT_LOG_CHANGED] : [])]);
    return { ok: true, audit: records.map((record) => record.seq) };
  }

  function notify(keys: readonly string[]): void {
    for (const watcher of watchers) {
      const touched = keys.filter((key) => key.startsWith(watcher.prefix));
      if (touched.length > 0) queueMicrotask(() => watchers.has(watcher) && watcher.onChange(touched));
    }
  }

  const store: MemoryStore = {
    beforeCommit: undefined,
    audit,
    dump: () => Object.fromEntries([...entries.keys()].sort(compareKeys).map((key) => [key, read(key)?.value as JsonValue])),
    async get(key) {
      assertOpen();
      assertStoreKey(key);
      const entry = read(key);
      return Promise.resolve(entry && { value: entry.value, version: entry.version });
    },
    async list(prefix, page = {}) {
      assertOpen();
      const keys = [...entries.keys()].filter((key) => key.startsWith(prefix)).sort(compareKeys);
      const after = page.after;
      const rest = after === undefined ? keys : keys.filter((key) => compareKeys(key, after) > 0);
      return Promise.resolve(rest.slice(0, page.limit ?? 1000).map((key) => read(key) as StoreEntry));
    },
    async commit(commit) {
      assertOpen();
      assertCommit(commit);
      const texts = commit.writes.map((write) => ('delete' in write ? undefined : canonicalJson(write.value)));
      await store.beforeCommit?.(commit);
      return apply(commit, texts);
    },
    watch(prefix, onChange) {
      const watcher = { prefix, onChange };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    async auditRecords(from, limit) {
      assertOpen();
      return Promise.resolve(audit.slice(from, from + limit));
    },
    async auditSize() {
      assertOpen();
      return Promise.resolve(audit.length);
    },
    async close() {
      closed = true;
      watchers.clear();
      return Promise.resolve();
    },
  };
  return store;
}
