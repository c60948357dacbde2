/** Tells watchers of a store what changed, whoever changed it. */
import { AUDIT_LOG_CHANGED } from '../core/store-keys.ts';
import type { Changes } from './sqlite-engine.ts';
import type { StoreThread } from './sqlite-thread.ts';

const WATCH_INTERVAL_MS = 200;

interface Watcher {
  readonly prefix: string;
  readonly onChange: (keys: readonly string[]) => void;
}

/** Asks the store every 200 ms what changed, and at once after own commits; runs only while somebody watches. */
export class WatchLoop {
  readonly #thread: StoreThread;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | undefined;
  #seen: Promise<Changes> | undefined;

  constructor(thread: StoreThread) {
    this.#thread = thread;
  }

  add(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    // What is there now is the base line; the request goes out before any later one of the caller.
    this.#seen ??= this.#changes({ version: Number.MAX_SAFE_INTEGER, auditSize: 0, keys: [] });
    this.#timer ??= setInterval(() => this.poll(), WATCH_INTERVAL_MS);
    return () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.stop();
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#watchers.clear();
    this.#timer = undefined;
    this.#seen = undefined;
  }

  poll(): void {
    if (this.#seen === undefined) return;
    this.#seen = this.#seen.then((seen) => this.#tell(seen));
  }

  async #tell(seen: Changes): Promise<Changes> {
    if (this.#watchers.size === 0) return seen;
    const now = await this.#changes(seen);
    const keys = now.auditSize === seen.auditSize ? now.keys : [...now.keys, AUDIT_LOG_CHANGED];
    for (const { prefix, onChange } of this.#watchers) {
      const touched = keys.filter((key) => key.startsWith(prefix));
      if (touched.length > 0) onChange(touched);
    }
    return now;
  }

  /** A poll that fails (the file is locked for long) says "nothing new": the next one asks again from the same place. */
  async #changes(seen: Changes): Promise<Changes> {
    return this.#thread.request<Changes>({ op: 'changes', since: seen.version }).catch(() => seen);
  }
}
