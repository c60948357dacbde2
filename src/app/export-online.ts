/**
 * A copy of a realm without its offline keys, for the machine of a server (FORMATS 0): whoever takes it over gets no root and no signer
 * of trust. From then on the copy is a realm of its own: nodes join it, and new trust comes to it by `trust import`.
 */
import { JoineryError } from '../core/errors.ts';
import type { Files, Store, StoreEngine } from '../core/ports.ts';
import { assertOutside, CONFIG_FILES, copyFile, copyTree, directoriesOf, STATE_FILE } from './backup-realm.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRealmRecord } from './realm-record.ts';

export interface ExportOnlineResult {
  readonly directory: string;
  readonly realmId: string;
  /** Key files that were copied. */
  readonly onlineKeys: number;
  /** Key files that were left out. */
  readonly offlineKeys: number;
}

/**
 * Writes a new directory, the configuration last; then both realms record it.
 * @throws ERR_FILE_EXISTS, ERR_FILE_*, ERR_STORE_BUSY, ERR_KEY_NOT_FOUND without any online key, ERR_USAGE inside the realm
 */
export async function exportOnline(realm: Realm, engine: StoreEngine, out: string): Promise<ExportOnlineResult> {
  const { files, directory } = realm;
  const { realm_id: realmId } = parseRealmRecord((await realm.store.get('realm'))?.value);
  const onlineKeys = await count(files, `${directory}/keys/online`);
  const offlineKeys = await count(files, `${directory}/keys/offline`);
  if (onlineKeys === 0) throw noOnlineKeys();
  await files.makeDirectory(out, 0o700);
  await assertOutside(files, directory, out);
  await engine.copy(`${directory}/${STATE_FILE}`, `${out}/${STATE_FILE}`);
  await files.makeDirectory(`${out}/keys`, 0o700);
  await files.makeDirectory(`${out}/keys/offline`, 0o700);
  await copyTree(files, directory, out, 'keys/online');
  for (const name of await directoriesOf(files, directory)) if (name !== 'keys') await copyTree(files, directory, out, name);
  await recordIn(await engine.open(`${out}/${STATE_FILE}`), realm, { realmId, onlineKeys });
  for (const name of CONFIG_FILES) {
    if ((await files.stat(`${directory}/${name}`)) !== undefined) await copyFile(files, directory, out, name);
  }
  await commitRecord(realm.store, realm, { realmId, onlineKeys });
  return { directory: out, realmId, onlineKeys, offlineKeys };
}

async function count(files: Files, directory: string): Promise<number> {
  if ((await files.stat(directory)) === undefined) return 0;
  return (await files.list(directory)).filter((name) => name.endsWith('.key')).length;
}

function noOnlineKeys(): JoineryError {
  return new JoineryError('ERR_KEY_NOT_FOUND', 'keys/online: expected a key that a server could use, found none', {
    hint: 'joinery ca create NAME --parent ROOT makes an online authority',
  });
}

interface Facts {
  readonly realmId: string;
  readonly onlineKeys: number;
}

/** In the copy the record is where its log parts from the one that it was copied from. */
async function recordIn(store: Store, realm: Realm, facts: Facts): Promise<void> {
  try {
    await commitRecord(store, realm, facts);
  } finally {
    await store.close();
  }
}

async function commitRecord(store: Store, realm: Realm, { realmId, onlineKeys }: Facts): Promise<void> {
  const details = { online_keys: onlineKeys };
  await commit(store, { checks: [], writes: [], audit: [auditEvent(realm, { event: 'realm.export', subject: realmId, details })] });
}
