/**
 * The keychain of the operating system, through keytar's API: keytar itself where it is installed (an optional peer: it is archived
 * and builds from source), otherwise @napi-rs/keyring, which brings binaries.
 */
import { JoineryError } from '../core/errors.ts';
import type { Keychain } from '../core/key-ports.ts';
import { Secret } from '../core/secret.ts';

const SERVICE = 'joinery';

/** The part of keytar's API that is used. */
export interface Keytar {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

export interface KeychainLibrary {
  readonly name: string;
  load(): Promise<Keytar>;
}

/** A variable, because a compiler or bundler would look for a package that need not be there. */
const OPTIONAL_PEER: string = 'keytar';

export const keytar: KeychainLibrary = {
  name: OPTIONAL_PEER,
  load: async () => ((await import(OPTIONAL_PEER)) as { default: Keytar }).default,
};

// Without it the library falls back to the kernel's keyring, which a reboot empties.
const STORE = { linux: { store: 'secret-service' } } as const;

export const napiKeyring: KeychainLibrary = {
  name: '@napi-rs/keyring',
  async load() {
    // Not its module `keytar`, which has its API but no way to name the store.
    const { AsyncEntry } = await import('@napi-rs/keyring');
    const entry = (service: string, account: string) => new AsyncEntry(service, account, STORE);
    return {
      getPassword: async (service, account) => entry(service, account).getPassword(),
      setPassword: async (service, account, password) => entry(service, account).setPassword(password),
      deletePassword: async (service, account) => entry(service, account).deletePassword(),
    };
  },
};

/** Opens the first library that loads. @throws ERR_KEYCHAIN_UNAVAILABLE when none does. */
export async function openKeychain(libraries: readonly KeychainLibrary[] = [keytar, napiKeyring]): Promise<Keychain> {
  const causes: unknown[] = [];
  for (const { name, load } of libraries) {
    try {
      return keychainOf(name, await load());
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw unavailable('a library for it', new AggregateError(causes));
}

function keychainOf(library: string, api: Keytar): Keychain {
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      // What the libraries say names D-Bus paths and services, never a passphrase; `--verbose` shows it.
      throw unavailable(library, cause);
    }
  };
  return {
    library,
    get: (account) =>
      guarded(async () => {
        const found = (await api.getPassword(SERVICE, account)) ?? '';
        return found === '' ? undefined : new Secret(found);
      }),
    set: (account, passphrase) => guarded(() => api.setPassword(SERVICE, account, passphrase.reveal())),
    delete: (account) => guarded(() => api.deletePassword(SERVICE, account)),
  };
}

function unavailable(library: string, cause: unknown): JoineryError {
  return new JoineryError('ERR_KEYCHAIN_UNAVAILABLE', `keychain: expected an unlocked one that ${library} can use, found none`, {
    hint: 'it needs a D-Bus session with an unlocked keyring; without one use --passphrase-file and --online-passphrase-file',
    cause,
  });
}
