/** Walks over everything that the store has under a prefix. */
import type { Store, StoreEntry } from '../core/ports.ts';

/**
 * Page by page, in the order of keys; what is written or deleted behind the walk does not disturb it.
 * @param limit entries of a page; default: the store's.
 */
export async function* storePages(store: Pick<Store, 'list'>, prefix: string, limit?: number): AsyncGenerator<readonly StoreEntry[], void> {
  const size = limit === undefined ? {} : { limit };
  for (let page = await store.list(prefix, size); page.length > 0;) {
    yield page;
    page = await store.list(prefix, { ...size, after: (page.at(-1) as StoreEntry).key });
  }
}

/** Entry by entry. */
export async function* storeEntries(store: Pick<Store, 'list'>, prefix: string): AsyncGenerator<StoreEntry, void> {
  for await (const page of storePages(store, prefix)) yield* page;
}
