/** Work of one process on one record, one after the other: what would otherwise conflict and be done again, all with all. */
import type { Store } from '../core/ports.ts';

const queues = new WeakMap<Store, Map<string, Promise<void>>>();

/** Runs `work` when everything that came before it for this key and store has ended, however it ended. */
export async function inTurn<T>(store: Store, key: string, work: () => Promise<T>): Promise<T> {
  const ofStore = queues.get(store) ?? new Map<string, Promise<void>>();
  queues.set(store, ofStore);
  const before = ofStore.get(key) ?? Promise.resolve();
  const mine = before.then(work);
  const settled = mine.then(
    () => undefined,
    () => undefined,
  );
  ofStore.set(key, settled);
  try {
    return await mine;
  } finally {
    if (ofStore.get(key) === settled) ofStore.delete(key);
  }
}
