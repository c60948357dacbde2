/** Keeps passphrases of a realm's keys in the keychain of the operating system, and takes them away again. */
import { JoineryError } from '../core/errors.ts';
import type { Custody, Keychain } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRealmRecord } from './realm-record.ts';
import { assertEncrypted } from './rewrap-keys.ts';

/** The name of a passphrase in the keychain: the realm's id, so that a realm that is moved keeps its own. */
async function accountOf({ store }: Pick<Realm, 'store'>, custody: Custody): Promise<string> {
  return `${parseRealmRecord((await store.get('realm'))?.value).realm_id}/${custody}`;
}

/** @returns undefined when the keychain holds none. @throws ERR_KEYCHAIN_UNAVAILABLE */
export async function fetchPassphrase(realm: Pick<Realm, 'store'>, keychain: Keychain, custody: Custody): Promise<Secret | undefined> {
  return keychain.get(await accountOf(realm, custody));
}

/**
 * Stores a passphrase that is first shown to open a key.
 * @throws ERR_USAGE in a realm without encryption, ERR_KEY_NOT_FOUND, ERR_KEY_PASSPHRASE, ERR_KEYCHAIN_UNAVAILABLE
 */
export async function storePassphrase(realm: Realm, input: PassphraseToKeep): Promise<void> {
  await assertEncrypted(realm);
  await realm.vault.prove(input.custody);
  await keepPassphrase(realm, input);
}

export interface PassphraseToKeep {
  readonly keychain: Keychain;
  readonly custody: Custody;
  readonly passphrase: Secret;
}

/** Stores a passphrase under which the keys were just encrypted. @throws ERR_KEYCHAIN_UNAVAILABLE */
export async function keepPassphrase(realm: Realm, { keychain, custody, passphrase }: PassphraseToKeep): Promise<void> {
  await keychain.set(await accountOf(realm, custody), passphrase);
  await record(realm, custody, { action: 'store', library: keychain.library });
}

/** @throws ERR_KEYCHAIN_EMPTY, ERR_KEYCHAIN_UNAVAILABLE */
export async function forgetPassphrase(realm: Realm, keychain: Keychain, custody: Custody): Promise<void> {
  if (!(await keychain.delete(await accountOf(realm, custody)))) {
    throw new JoineryError('ERR_KEYCHAIN_EMPTY', `keychain: expected the passphrase of the ${custody} keys of this realm, found none`);
  }
  await record(realm, custody, { action: 'forget', library: keychain.library });
}

async function record(realm: Realm, custody: Custody, details: { readonly action: string; readonly library: string }): Promise<void> {
  const event = auditEvent(realm, { event: 'realm.keychain', subject: custody, details });
  await commit(realm.store, { checks: [], writes: [], audit: [event] });
}
