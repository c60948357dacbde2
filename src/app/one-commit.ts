/** Several use cases as one change: what they commit is collected, seen by those that follow, and committed once at the end. */
import type { JsonValue } from '../core/canonical-json.ts';
import type { KeyReference } from '../core/key-ports.ts';
import type { AuditEvent, Commit, CommitResult, Store, StoreCheck, StoreEntry, StoreWrite, Versioned } from '../core/ports.ts';
import { compareKeys } from '../core/store-keys.ts';
import { keepOrDiscard } from './key-material.ts';
import { isJoineryError } from '../core/errors.ts';
import { commit, type Realm } from './realm.ts';

type Replace = Parameters<Realm['files']['replace']>;

/**
 * Runs `work` with a realm whose commits are collected. Keys that it made are removed when the one commit is refused, and files that it
 * replaced for people are written after it.
 * @throws what `work` throws, ERR_STORE_CONFLICT
 */
export async function inOneCommit<T>(realm: Realm, work: (staged: Realm) => Promise<T>): Promise<T> {
  const { store, collected } = stagingStore(realm.store);
  const keys: KeyReference[] = [];
  const later: Replace[] = [];
  const staged: Realm = {
    ...realm,
    store,
    vault: {
      ...realm.vault,
      generate: async (request) => {
        const made = await realm.vault.generate(request);
        keys.push(made.reference);
        return made;
      },
    },
    files: {
      ...realm.files,
      replace: (...file: Replace) => {
        later.push(file);
        return Promise.resolve();
      },
    },
  };
  const result = await keepOrDiscard(realm.vault, keys, async () => {
    const done = await work(staged);
    await commit(realm.store, collected());
    return done;
  });
  for (const file of later) await realm.files.replace(...file);
  return result;
}

/** Runs what reads and commits again when another process changed what it had read: servers write at the same time. @throws what `work` throws at last */
export async function againOnConflict<T>(work: () => Promise<T>, times = 5): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (times > 1 && isJoineryError(error, 'ERR_STORE_CONFLICT')) return againOnConflict(work, times - 1);
    throw error;
  }
}

interface Overlay {
  /** undefined after a delete. */
  readonly value: JsonValue | undefined;
  readonly version: number | 'absent';
}

function stagingStore(base: Store): { readonly store: Store; collected(): Commit } {
  const overlay = new Map<string, Overlay>();
  const checks = new Map<string, StoreCheck>();
  const audit: AuditEvent[] = [];
  // Below every version of a store, so that what is staged is never taken for what is stored.
  let version = 0;
  const get = async (key: string): Promise<Versioned | undefined> => {
    const staged = overlay.get(key);
    return staged === undefined ? base.get(key) : visible(staged);
  };
  const stage = (change: Commit): CommitResult => {
    const stale = change.checks.find((check) => (overlay.get(check.key) ?? checks.get(check.key) ?? check).version !== check.version);
    if (stale !== undefined) return { ok: false, conflict: stale.key };
    for (const check of change.checks) if (!overlay.has(check.key)) checks.set(check.key, check);
    for (const write of change.writes) {
      version -= 1;
      overlay.set(write.key, 'delete' in write ? { value: undefined, version: 'absent' } : { value: write.value, version });
    }
    audit.push(...change.audit);
    return { ok: true, audit: [] };
  };
  const store: Store = {
    get,
    list: async (prefix, page = {}) => merge(await base.list(prefix, page), overlay, prefix, page),
    commit: (change) => Promise.resolve(stage(change)),
    watch: (prefix, onChange) => base.watch(prefix, onChange),
    auditRecords: (from, limit) => base.auditRecords(from, limit),
    auditSize: () => base.auditSize(),
    close: () => base.close(),
  };
  const collected = (): Commit => ({
    checks: [...checks.values()],
    writes: [...overlay].map(([key, { value }]): StoreWrite => (value === undefined ? { key, delete: true } : { key, value })),
    audit,
  });
  return { store, collected };
}

function visible({ value, version }: Overlay): Versioned | undefined {
  return value === undefined ? undefined : { value, version: version as number };
}

/** A page of the store with what is staged in its range. A page whose entries are all deleted is short: callers that stage deletes do not list. */
function merge(
  entries: readonly StoreEntry[],
  overlay: ReadonlyMap<string, Overlay>,
  prefix: string,
  { after, limit = 1000 }: { readonly after?: string; readonly limit?: number },
): readonly StoreEntry[] {
  const last = entries.length === limit ? entries.at(-1)?.key : undefined;
  const inRange = (key: string): boolean =>
    key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0) && (last === undefined || compareKeys(key, last) <= 0);
  const staged = [...overlay].flatMap(([key, entry]) => {
    const shown = inRange(key) ? visible(entry) : undefined;
    return shown === undefined ? [] : [{ key, ...shown }];
  });
  return [...entries.filter(({ key }) => !overlay.has(key)), ...staged].sort((a, b) => compareKeys(a.key, b.key)).slice(0, limit);
}
