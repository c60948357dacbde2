/** Encrypts every private key of a custody under another passphrase: after a crash at any moment one of the two opens all of them. */
import type { Custody } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { JoineryError } from '../core/errors.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRealmRecord } from './realm-record.ts';

export interface RewrapKeysInput {
  readonly custody: Custody;
  /** The passphrase that opens the keys afterwards. */
  readonly passphrase: Secret;
}

/** While this record is there, the keys that were staged are the ones that are read. */
export function rewrapRecordKey(custody: Custody): string {
  return `key-rewrap/${custody}`;
}

/**
 * 1. All keys are written a second time, beside those in use. 2. One commit of the record and the audit event: from here on the new
 * ones are read. 3. They take the place of the old ones, and the record goes. A crash before 2 leaves the old passphrase, one
 * after it the new; what is left of 3 is done by the next rewrap and changes nothing for readers.
 * @returns how many keys there are.
 * @throws ERR_USAGE in a realm without encryption, ERR_KEY_NOT_FOUND, ERR_KEY_PASSPHRASE, ERR_KEY_PASSPHRASE_WEAK, ERR_STORE_CONFLICT
 */
export async function rewrapKeys(realm: Realm, { custody, passphrase }: RewrapKeysInput): Promise<{ readonly keys: number }> {
  await assertEncrypted(realm);
  const key = rewrapRecordKey(custody);
  await finish(realm, custody);
  const keys = await realm.vault.stageRewrap(custody, passphrase);
  await commit(realm.store, {
    checks: [{ key, version: 'absent' }],
    writes: [{ key, value: { at: realm.clock.now(), keys } }],
    audit: [auditEvent(realm, { event: 'ca.key_rewrap', subject: custody, details: { keys } })],
  });
  await finish(realm, custody);
  return { keys };
}

/** @throws ERR_USAGE */
export async function assertEncrypted({ store }: Pick<Realm, 'store'>): Promise<void> {
  if (!parseRealmRecord((await store.get('realm'))?.value).plaintext_keys) return;
  throw new JoineryError('ERR_USAGE', 'expected a realm with encrypted keys, found one made with --insecure-plaintext-keys', {
    hint: 'its keys have no passphrase',
  });
}

/** Does step 3 where a record says that it is to be done. */
async function finish(realm: Realm, custody: Custody): Promise<void> {
  const key = rewrapRecordKey(custody);
  const entry = await realm.store.get(key);
  if (entry === undefined) return;
  await realm.vault.finishRewrap(custody);
  await commit(realm.store, { checks: [{ key, version: entry.version }], writes: [{ key, delete: true }], audit: [] });
}
