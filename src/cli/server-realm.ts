/** A realm as a server opens it: with its online keys, and sure that it cannot open the others. */
import { join } from 'node:path';
import { loadConfig } from '../adapters/config-file.ts';
import { systemFiles } from '../adapters/files.ts';
import { openKeyVault } from '../adapters/key-files.ts';
import { systemRandom } from '../adapters/random.ts';
import { openSqliteStore } from '../adapters/sqlite-store.ts';
import { parseRealmRecord } from '../app/realm-record.ts';
import { rewrapRecordKey } from '../app/rewrap-keys.ts';
import type { Caller, Realm } from '../app/realm.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { Custody, KeyVault } from '../core/key-ports.ts';
import { uuidV4 } from '../core/names.ts';
import { Secret } from '../core/secret.ts';
import { systemWorld } from './system-world.ts';

export interface ServerRealmOptions {
  readonly directory: string;
  /** Of the online keys; not asked for in a realm with plain keys. */
  passphrase(): Promise<Secret | undefined>;
  /** Who acts when nobody else does: renewals of the server's certificate, checkpoints, revocation lists. */
  readonly actor?: string | undefined;
  warn(message: string): void;
}

/**
 * @throws ERR_REALM_NOT_FOUND, ERR_CONFIG_MALFORMED, ERR_REALM_*, ERR_KEY_PASSPHRASE when it does not open the online keys,
 * ERR_SERVER_PASSPHRASE when it opens the offline keys
 */
export async function openServerRealm(options: ServerRealmOptions): Promise<Realm> {
  const { directory, config } = await loadConfig(options.directory);
  const store = await openSqliteStore({ path: join(directory, 'state.db') });
  try {
    const { plaintext_keys: plaintext } = parseRealmRecord((await store.get('realm'))?.value);
    const rewrapped = async (custody: Custody) => (await store.get(rewrapRecordKey(custody))) !== undefined;
    const vaultOf = (passphrase: (custody: Custody) => Promise<Secret>): KeyVault =>
      openKeyVault({ directory, files: systemFiles, passphrase, plaintext, rewrapped });
    if (plaintext) options.warn('the keys of this realm are not encrypted: whoever reads its files has its keys; this is for tests only');
    const passphrase = plaintext ? new Secret('') : needed(await options.passphrase());
    if (!plaintext) await assertOnlineOnly(vaultOf(() => Promise.resolve(passphrase)));
    const vault = vaultOf((custody) => (custody === 'online' ? Promise.resolve(passphrase) : refuseOffline()));
    await vault.prove('online');
    const caller: Caller = {
      actor: { name: options.actor ?? 'joinery-server', verified: false },
      correlationId: `server-${uuidV4(systemRandom)}`,
    };
    return { ...systemWorld, directory, config, store, vault, caller };
  } catch (error) {
    await store.close();
    throw error;
  }
}

function needed(passphrase: Secret | undefined): Secret {
  if (passphrase !== undefined) return passphrase;
  throw new JoineryError('ERR_KEY_PASSPHRASE', 'server: expected the passphrase of the online keys, found none', {
    hint: '--online-passphrase-file, JOINERY_ONLINE_PASSPHRASE, or the systemd credential joinery-online-passphrase',
  });
}

function refuseOffline(): never {
  throw new JoineryError('ERR_KEY_NOT_FOUND', 'server: expected to need online keys only, found an offline one asked for', {
    hint: 'a server opens no offline key: create the key with --custody online, or sign where the offline keys are',
  });
}

/** FORMATS 0: whoever takes over the server must not get the roots with it. */
async function assertOnlineOnly(vault: KeyVault): Promise<void> {
  try {
    await vault.prove('offline');
  } catch (error) {
    // No offline keys here, or keys under another passphrase: as it must be.
    if (isJoineryError(error, 'ERR_KEY_NOT_FOUND') || isJoineryError(error, 'ERR_KEY_PASSPHRASE')) return;
    throw error;
  }
  throw new JoineryError(
    'ERR_SERVER_PASSPHRASE',
    'server: expected a passphrase of online keys alone, found that it opens the offline keys',
    {
      hint: 'joinery ca key rewrap --custody online gives the online keys another one; joinery realm export --online makes a realm without offline keys',
    },
  );
}
