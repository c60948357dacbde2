/** The signed heads that a realm kept, oldest first. */
import { parseDocument, string } from '../core/parse.ts';
import type { Store } from '../core/ports.ts';
import { CHECKPOINT_PREFIX } from './checkpoint-audit.ts';
import { storeEntries } from './store-pages.ts';

/** @throws ERR_REALM_MALFORMED */
export async function* keptNotes(store: Pick<Store, 'list'>): AsyncGenerator<{ readonly note: string; readonly source: string }> {
  for await (const { key, value } of storeEntries(store, CHECKPOINT_PREFIX)) {
    const source = `state.db, record ${key}`;
    yield { note: parseDocument(string(), value, source, 'ERR_REALM_MALFORMED'), source };
  }
}
