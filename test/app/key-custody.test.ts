import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKeyVault } from '../../src/adapters/key-files.ts';
import { secretSharing } from '../../src/adapters/shamir.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { combineKey } from '../../src/app/combine-key.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { fetchPassphrase, forgetPassphrase, storePassphrase } from '../../src/app/keychain-passphrases.ts';
import { rewrapKeys, rewrapRecordKey } from '../../src/app/rewrap-keys.ts';
import { splitKey } from '../../src/app/split-key.ts';
import type { Custody, Keychain, KeyReference, KeyVault } from '../../src/core/key-ports.ts';
import type { Files } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { caRealm } from './ca-realm.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;
const OLD = 'correct horse battery';
const NEW = 'brand new horse battery';

/** A realm with its record and with encrypted keys in files; `vaultWith` opens them with a passphrase, as another process would. */
async function custodyRealm(plaintext = false) {
  const realm = caRealm();
  const record = { schema: 'joinery/realm/1', realm_id: 'the-realm', created_at: 0, plaintext_keys: plaintext };
  await realm.store.commit({ checks: [], writes: [{ key: 'realm', value: record }], audit: [] });
  const vaultWith = (passphrase: string, files: Files = realm.files): KeyVault =>
    openKeyVault({
      directory: realm.directory,
      files,
      plaintext,
      passphrase: () => Promise.resolve(new Secret(passphrase)),
      rewrapped: async (custody: Custody) => (await realm.store.get(rewrapRecordKey(custody))) !== undefined,
    });
  const keyed = { ...realm, vault: vaultWith(OLD) };
  await createCa(keyed, { name: 'root' });
  await createCa(keyed, { name: 'second' });
  const references = await Promise.all(
    ['root', 'second'].map(async (name) => (await readCa(realm, name, 'test')).record.key as KeyReference),
  );
  /** How many of the keys a passphrase opens. */
  const opens = async (passphrase: string): Promise<number> => {
    const vault = vaultWith(passphrase);
    const results = await Promise.allSettled(references.map((reference) => vault.open(reference)));
    return results.filter(({ status }) => status === 'fulfilled').length;
  };
  return { realm: keyed, vaultWith, opens };
}

const files = (directory: string) => readdirSync(join(directory, 'keys/offline'));

describe('rewrapKeys', () => {
  it('puts all keys of a custody under the new passphrase, and says so in the audit log', async () => {
    const { realm, opens } = await custodyRealm();
    expect(await rewrapKeys(realm, { custody: 'offline', passphrase: new Secret(NEW) })).toEqual({ keys: 2 });
    expect([await opens(OLD), await opens(NEW)]).toEqual([0, 2]);
    expect(files(realm.directory).every((name) => name.endsWith('.key'))).toBe(true);
    expect(statSync(join(realm.directory, 'keys/offline', files(realm.directory)[0] as string)).mode & 0o777).toBe(0o600);
    expect(realm.store.dump()).not.toHaveProperty(rewrapRecordKey('offline'));
    const event = JSON.parse(Buffer.from(realm.store.audit.at(-1)?.bytes as Uint8Array).toString()) as object;
    expect(event).toMatchObject({ event: 'ca.key_rewrap', subject: 'offline', details: { keys: 2 } });
  });

  it('leaves all keys to one passphrase whichever write it dies at, and finishes when it is run again', async () => {
    const { realm, vaultWith, opens } = await custodyRealm();
    const outcomes: string[] = [];
    let [from, to] = [OLD, NEW];
    for (let dies = 0, done = false; !done; dies++) {
      let left = dies;
      const step =
        <A extends readonly unknown[]>(work: (...args: A) => Promise<void>) =>
        (...args: A) => {
          if (left-- === 0) return Promise.reject(new Error('killed'));
          return work(...args);
        };
      const mortal: Files = { ...realm.files, replace: step(realm.files.replace), remove: step(realm.files.remove) };
      const store = {
        ...realm.store,
        commit: async (change: Parameters<typeof realm.store.commit>[0]) => {
          if (left-- === 0) throw new Error('killed');
          return realm.store.commit(change);
        },
      };
      const dying = { ...realm, store, vault: vaultWith(from, mortal) };
      done = await rewrapKeys(dying, { custody: 'offline', passphrase: new Secret(to) }).then(
        () => true,
        () => false,
      );
      // Two keys, each under one passphrase: what the new one does not open must open with the old one.
      const after = await opens(to);
      const before = after === 2 ? 0 : await opens(from);
      outcomes.push(`${before}${after}`);
      expect([before, after], `killed at step ${dies}`).toEqual(done || after === 2 ? [0, 2] : [2, 0]);
      if (after === 2) [from, to] = [to, from];
    }
    expect(new Set(outcomes)).toEqual(new Set(['20', '02']));
    expect(files(realm.directory)).toHaveLength(2);
  }, 60_000);

  it('refuses a weak passphrase, a custody without keys, and a realm without encryption', async () => {
    const { realm, opens } = await custodyRealm();
    const weak = rewrapKeys(realm, { custody: 'offline', passphrase: new Secret('short') });
    await expect(weak).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE_WEAK'));
    await expect(rewrapKeys(realm, { custody: 'online', passphrase: new Secret(NEW) })).rejects.toThrow(
      refusal('ERR_KEY_NOT_FOUND', 'keys/online'),
    );
    expect(await opens(OLD)).toBe(2);
    const plain = await custodyRealm(true);
    await expect(rewrapKeys(plain.realm, { custody: 'offline', passphrase: new Secret(NEW) })).rejects.toThrow(refusal('ERR_USAGE'));
  });
});

describe('splitKey and combineKey', () => {
  const split = async (change: Partial<Parameters<typeof splitKey>[1]> = {}) => {
    const { realm } = await custodyRealm();
    const out = join(realm.directory, 'shares');
    const options = {
      name: 'root',
      shares: 5,
      threshold: 3,
      out,
      sharing: secretSharing,
      passphrase: () => Promise.resolve(new Secret(OLD)),
      ...change,
    };
    return { realm, out, split: () => splitKey(realm, options) };
  };
  const texts = (paths: readonly string[]) => paths.map((path) => ({ what: path, text: readFileSync(path, 'utf8') }));

  it('gives the passphrase back from any three of five shares, and from no two', async () => {
    const { realm, out, split: run } = await split();
    const result = await run();
    expect(result).toMatchObject({ custody: 'offline', set: expect.stringMatching(/^[0-9a-f]{16}$/) as string });
    expect([statSync(out).mode & 0o777, ...result.files.map((path) => statSync(path).mode & 0o777)]).toEqual([
      0o700,
      ...Array<number>(5).fill(0o600),
    ]);
    const shares = texts(result.files);
    for (const [a, b, c] of [
      [0, 1, 2],
      [4, 2, 0],
      [1, 3, 4],
    ] as const) {
      const chosen = [a, b, c].map((index) => shares[index] as (typeof shares)[number]);
      const { passphrase, set } = await combineKey(chosen, secretSharing);
      expect([passphrase.reveal(), set]).toEqual([OLD, result.set]);
      await expect(combineKey(chosen.slice(1), secretSharing)).rejects.toThrow(refusal('ERR_SHARE_MISMATCH', 'expected 3 shares'));
    }
    const event = JSON.parse(Buffer.from(realm.store.audit.at(-1)?.bytes as Uint8Array).toString()) as object;
    expect(event).toMatchObject({ event: 'ca.key_split', subject: 'root', details: { shares: 5, threshold: 3, set: result.set } });
    expect(shares.map(({ text }) => text).join('')).not.toContain(OLD);
  });

  it('refuses to write over anything, and leaves nothing behind without its audit record', async () => {
    const { realm, out, split: run } = await split();
    realm.store.beforeCommit = () => {
      throw new Error('no disk');
    };
    await expect(run()).rejects.toThrow('no disk');
    expect(existsSync(out)).toBe(false);
    realm.store.beforeCommit = undefined;
    writeFileSync(out, 'mine');
    await expect(run()).rejects.toThrow(refusal('ERR_FILE_EXISTS', 'shares'));
    expect(readFileSync(out, 'utf8')).toBe('mine');
  });

  it.each([
    [{ threshold: 1 }, 'ERR_USAGE'],
    [{ threshold: 6 }, 'ERR_USAGE'],
    [{ shares: 256, threshold: 3 }, 'ERR_USAGE'],
    [{ name: 'nobody' }, 'ERR_CA_NOT_FOUND'],
  ])('refuses %j', async (change, code) => {
    await expect((await split(change)).split()).rejects.toThrow(refusal(code));
  });

  it('refuses an authority whose key is elsewhere', async () => {
    const { realm, split: run } = await split();
    const { key: _, ...keyless } = realm.store.dump()['ca/root'] as Record<string, never>;
    await realm.store.commit({ checks: [], writes: [{ key: 'ca/root', value: keyless }], audit: [] });
    await expect(run()).rejects.toThrow(refusal('ERR_KEY_NOT_FOUND', 'root'));
  });
});

describe('passphrases in the keychain', () => {
  function memoryKeychain(): Keychain & { readonly held: Map<string, Secret> } {
    const held = new Map<string, Secret>();
    return {
      library: 'memory',
      held,
      get: (account) => Promise.resolve(held.get(account)),
      set: (account, passphrase) => Promise.resolve(void held.set(account, passphrase)),
      delete: (account) => Promise.resolve(held.delete(account)),
    };
  }

  it('are stored once they have opened a key, fetched, and forgotten', async () => {
    const { realm, vaultWith } = await custodyRealm();
    const keychain = memoryKeychain();
    const wrong = { ...realm, vault: vaultWith('something else altogether') };
    const store = (use: typeof realm) => storePassphrase(use, { keychain, custody: 'offline', passphrase: new Secret(OLD) });
    await expect(store(wrong)).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE'));
    expect(keychain.held.size).toBe(0);
    await store(realm);
    expect([...keychain.held.keys()]).toEqual(['the-realm/offline']);
    expect((await fetchPassphrase(realm, keychain, 'offline'))?.reveal()).toBe(OLD);
    expect(await fetchPassphrase(realm, keychain, 'online')).toBeUndefined();
    await forgetPassphrase(realm, keychain, 'offline');
    await expect(forgetPassphrase(realm, keychain, 'offline')).rejects.toThrow(refusal('ERR_KEYCHAIN_EMPTY', 'offline'));
    const events = realm.store.audit
      .slice(-2)
      .map(({ bytes }) => (JSON.parse(Buffer.from(bytes).toString()) as { details: { action: string } }).details.action);
    expect(events).toEqual(['store', 'forget']);
  });

  it('are not stored for a custody without keys', async () => {
    const { realm } = await custodyRealm();
    const passphrase = new Secret(OLD);
    await expect(storePassphrase(realm, { keychain: memoryKeychain(), custody: 'online', passphrase })).rejects.toThrow(
      refusal('ERR_KEY_NOT_FOUND'),
    );
  });
});
