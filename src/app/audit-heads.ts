/** The signed heads that a realm kept, oldest first. */
import { parseDocument, string } from '../core/parse.ts';
import type { Store, StoreEntry } from '../core/ports.ts';
import { CHECKPOINT_PREFIX } from './checkpoint-audit.ts';

/** @throws ERR_REALM_MALFORMED */
export async function* keptNotes(store: Pick<Store, 'list'>): AsyncGenerator<{ readonly note: string; readonly source: string }> {
  let page: readonly StoreEntry[] = await store.list(CHECKPOINT_PREFIX);
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const entry of page) {
      const source = `state.db, record ${entry.key}`;
      yield { note: parseDocument(string(), entry.value, source, 'ERR_REALM_MALFORMED'), source };
    }
    page = await store.list(CHECKPOINT_PREFIX, { after: last.key });
  }
}
