/** How a library is chosen and its failures are named. Real keyrings are in test/system/keychain.test.ts. */
import { describe, expect, it } from 'vitest';
import { type KeychainLibrary, type Keytar, napiKeyring, openKeychain } from '../../src/adapters/keychain.ts';
import { Secret } from '../../src/core/secret.ts';

const unavailable = (library: string) =>
  expect.objectContaining({
    code: 'ERR_KEYCHAIN_UNAVAILABLE',
    message: expect.stringContaining(library) as string,
    hint: expect.stringContaining('--passphrase-file') as string,
  }) as Error;

function memory(): Keytar & { readonly held: Map<string, string> } {
  const held = new Map<string, string>();
  return {
    held,
    getPassword: (service, account) => Promise.resolve(held.get(`${service} ${account}`) ?? null),
    setPassword: (service, account, password) => Promise.resolve(void held.set(`${service} ${account}`, password)),
    deletePassword: (service, account) => Promise.resolve(held.delete(`${service} ${account}`)),
  };
}
const missing: KeychainLibrary = { name: 'missing', load: () => Promise.reject(new Error('no such package')) };

describe('openKeychain', () => {
  it('stores, gives and removes a passphrase under the name of the program', async () => {
    const api = memory();
    const keychain = await openKeychain([missing, { name: 'memory', load: () => Promise.resolve(api) }]);
    expect(keychain.library).toBe('memory');
    expect(await keychain.get('realm/offline')).toBeUndefined();
    await keychain.set('realm/offline', new Secret('a passphrase'));
    expect([...api.held]).toEqual([['joinery realm/offline', 'a passphrase']]);
    expect((await keychain.get('realm/offline'))?.reveal()).toBe('a passphrase');
    expect([await keychain.delete('realm/offline'), await keychain.delete('realm/offline')]).toEqual([true, false]);
  });

  it('says in one code that there is none, whichever step fails', async () => {
    await expect(openKeychain([missing, missing])).rejects.toThrow(unavailable('a library'));
    const fails = () => Promise.reject(new Error('org.freedesktop.DBus.Error'));
    const broken = { name: 'broken', load: () => Promise.resolve({ getPassword: fails, setPassword: fails, deletePassword: fails }) };
    const keychain = await openKeychain([broken]);
    await expect(keychain.get('a')).rejects.toThrow(unavailable('broken'));
    await expect(keychain.set('a', new Secret('x'))).rejects.toThrow(unavailable('broken'));
    await expect(keychain.delete('a')).rejects.toThrow(unavailable('broken'));
  });

  it.runIf(process.platform === 'linux')('fails fast without D-Bus', async () => {
    const { DBUS_SESSION_BUS_ADDRESS: before } = process.env;
    process.env['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent';
    try {
      const keychain = await openKeychain([napiKeyring]);
      expect(keychain.library).toBe('@napi-rs/keyring');
      const start = performance.now();
      await expect(keychain.get('realm/offline')).rejects.toThrow(unavailable('@napi-rs/keyring'));
      await expect(keychain.set('realm/offline', new Secret('x'))).rejects.toThrow(unavailable('@napi-rs/keyring'));
      await expect(keychain.delete('realm/offline')).rejects.toThrow(unavailable('@napi-rs/keyring'));
      expect(performance.now() - start).toBeLessThan(5000);
    } finally {
      if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
    }
  });
});
