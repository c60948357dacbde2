/** Makes a realm: directories, state, the keys that every realm has, and last, as the sign that it is whole, `joinery.yaml`. */
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { uuidV4 } from '../core/names.ts';
import type { KeyVault } from '../core/key-ports.ts';
import type { Files, Store } from '../core/ports.ts';
import type { KeyMaterial } from './key-material.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import type { RealmRecord } from './realm-record.ts';

/** A realm whose store and keys do not exist yet. */
export interface NewRealm extends Omit<Realm, 'store' | 'vault'> {
  /** Makes the state file. @throws ERR_FILE_EXISTS */
  createStore(): Promise<Store>;
  openVault(): Promise<KeyVault>;
}

export interface CreateRealmInput {
  /** The text of `joinery.yaml`. */
  readonly configText: string;
  readonly plaintextKeys: boolean;
  /** What makes the keys that every realm has: trust signers, a token key, the checkpoint key. */
  readonly keys: readonly ((realm: Realm) => Promise<KeyMaterial>)[];
}

type Undo = () => Promise<void>;

const DIRECTORIES = ['keys', 'keys/offline', 'keys/online', 'ca'];
const STATE_FILES = ['state.db', 'state.db-wal', 'state.db-shm'];
const CONFIG_FILES = ['joinery.yaml', 'joinery.yml', 'joinery.json'];

/**
 * Makes all of it, or leaves the directory as it was.
 * @returns the id of the realm.
 * @throws ERR_REALM_EXISTS when there is a realm or the rest of one; ERR_FILE_*; ERR_KEY_PASSPHRASE_WEAK
 */
export async function createRealm(ports: NewRealm, input: CreateRealmInput): Promise<{ readonly realmId: string }> {
  const undo: Undo[] = [];
  try {
    await makeDirectories(ports.files, ports.directory, undo);
    const store = await ports.createStore();
    undo.push(() => discardState(ports.files, store, ports.directory));
    const realm: Realm = { ...ports, store, vault: await ports.openVault() };
    const realmId = await fill(realm, input, undo);
    await store.close();
    return { realmId };
  } catch (error) {
    for (const step of undo.toReversed()) await step();
    throw error;
  }
}

async function makeDirectories(files: Files, directory: string, undo: Undo[]): Promise<void> {
  const make = async (path: string): Promise<void> => {
    await files.makeDirectory(path, 0o700);
    undo.push(() => files.removeDirectory(path));
  };
  if ((await files.stat(directory)) === undefined) await make(directory);
  else await assertNoRealm(files, directory);
  for (const name of DIRECTORIES) await make(`${directory}/${name}`);
}

async function assertNoRealm(files: Files, directory: string): Promise<void> {
  const ours = [...CONFIG_FILES, ...STATE_FILES, 'keys', 'ca'];
  const found = (await files.list(directory)).filter((name) => ours.includes(name));
  if (found.length === 0) return;
  const whole = found.some((name) => CONFIG_FILES.includes(name));
  throw new JoineryError('ERR_REALM_EXISTS', `${directory}: expected no realm, found ${found.join(', ')}`, {
    hint: whole
      ? 'choose another directory with --realm'
      : 'an init that was interrupted may have left this: look at it, remove it, and run init again',
    details: { directory, found },
  });
}

async function discardState(files: Files, store: Store, directory: string): Promise<void> {
  await store.close();
  for (const name of STATE_FILES) await files.remove(`${directory}/${name}`);
}

/** The record of the realm, its keys and their audit events in one commit, then the configuration. @returns the realm's id. */
async function fill(realm: Realm, input: CreateRealmInput, undo: Undo[]): Promise<string> {
  const material: KeyMaterial[] = [];
  for (const make of input.keys) {
    const made = await make(realm);
    for (const reference of made.references) undo.push(() => realm.vault.discard(reference));
    material.push(made);
  }
  const realmId = uuidV4(realm.random);
  const record: RealmRecord = {
    schema: 'joinery/realm/1',
    realm_id: realmId,
    created_at: realm.clock.now(),
    plaintext_keys: input.plaintextKeys,
  };
  const created = auditEvent(realm, { event: 'realm.create', subject: realmId, details: { plaintext_keys: input.plaintextKeys } });
  await commit(realm.store, {
    checks: [{ key: 'realm', version: 'absent' }],
    writes: [{ key: 'realm', value: record }, ...material.flatMap((part) => part.writes)],
    audit: [created, ...material.flatMap((part) => part.audit)],
  });
  await realm.files.create(`${realm.directory}/joinery.yaml`, utf8(input.configText), 0o644);
  return realmId;
}
