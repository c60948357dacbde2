/** Where passphrases come from: a file, the environment (deleted once read), the keychain when asked, or the terminal. Never argv. */
import { JoineryError } from '../core/errors.ts';
import type { Custody } from '../core/key-ports.ts';
import type { Files, Prompter } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { nameOfInput, readInput } from './input.ts';
import { decodeUtf8 } from '../core/encoding.ts';

const MAX_PASSPHRASE_BYTES = 4096;

interface Source {
  readonly flag: string;
  readonly variable: string;
}

const SOURCES: Readonly<Record<Custody, Source>> = {
  offline: { flag: '--passphrase-file', variable: 'JOINERY_PASSPHRASE' },
  online: { flag: '--online-passphrase-file', variable: 'JOINERY_ONLINE_PASSPHRASE' },
};

export interface PassphraseOptions {
  /** Path from the flag of each custody. */
  readonly files: Readonly<Record<Custody, string | undefined>>;
  readonly env: Record<string, string | undefined>;
  readonly read: Files['read'];
  readonly prompter: Prompter;
  /** What the keychain holds; left out when it was not asked for. */
  readonly keychain?: ((custody: Custody) => Promise<Secret | undefined>) | undefined;
  warn(message: string): void;
}

export interface PassphraseSource {
  (custody: Custody, use: 'create' | 'open'): Promise<Secret>;
  /** Whether a file or the environment gives the passphrase of exactly this custody. */
  given(custody: Custody): boolean;
}

/**
 * The environment is read, and emptied, at once: a child process must not inherit a passphrase. Files and questions are left
 * until a key is needed, and each passphrase is fetched once.
 */
export function passphraseSource(options: PassphraseOptions): PassphraseSource {
  const fromEnvironment: Record<Custody, Secret | undefined> = {
    offline: takeVariable(options.env, 'offline'),
    online: takeVariable(options.env, 'online'),
  };
  const known = new Map<Custody, Promise<Secret>>();
  const given = (custody: Custody): Promise<Secret> | undefined => {
    const path = options.files[custody];
    if (path !== undefined) return passphraseFile(path, options.read);
    return fromEnvironment[custody] && Promise.resolve(fromEnvironment[custody]);
  };
  const ask = (custody: Custody, use: 'create' | 'open'): Promise<Secret> => {
    const { flag, variable } = SOURCES[custody];
    return options.prompter.passphrase(`Passphrase of the ${custody} keys`, {
      confirm: use === 'create',
      instead: `name a file with ${flag} or set ${variable}`,
    });
  };
  const find = async (custody: Custody, use: 'create' | 'open'): Promise<Secret> => {
    const own = given(custody) ?? options.keychain?.(custody);
    const found = await own;
    if (found !== undefined) return found;
    if (custody === 'online' && given('offline') !== undefined) {
      options.warn(
        'the online keys use the passphrase of the offline keys: whoever runs a server with it could open the roots; give --online-passphrase-file',
      );
      return source('offline', use);
    }
    return ask(custody, use);
  };
  const source = (custody: Custody, use: 'create' | 'open'): Promise<Secret> => {
    const cached = known.get(custody) ?? find(custody, use);
    known.set(custody, cached);
    return cached;
  };
  return Object.assign(source, {
    given: (custody: Custody) => options.files[custody] !== undefined || fromEnvironment[custody] !== undefined,
  });
}

function takeVariable(env: Record<string, string | undefined>, custody: Custody): Secret | undefined {
  const { variable } = SOURCES[custody];
  const value = env[variable];
  delete env[variable];
  return value === undefined || value === '' ? undefined : new Secret(value);
}

/** A passphrase that is neither the offline nor the online one: from the file of a flag, or the terminal. */
export function otherPassphrase(
  world: { readonly files: Pick<Files, 'read'>; readonly prompter: Prompter },
  options: { readonly file: string | undefined; readonly flag: string; readonly question: string; readonly confirm: boolean },
): Promise<Secret> {
  const { file, flag, question, confirm } = options;
  if (file !== undefined) return passphraseFile(file, (path, maxBytes) => readInput(world.files, path, maxBytes));
  return world.prompter.passphrase(question, { confirm, instead: `name a file with ${flag}` });
}

/** The first line of a file, or of stdin (`-`). */
async function passphraseFile(path: string, read: Files['read']): Promise<Secret> {
  const what = nameOfInput(path);
  const text = decodeUtf8(await read(path, MAX_PASSPHRASE_BYTES), what);
  const line = text.split(/\r?\n/, 1)[0] as string;
  if (line === '') throw new JoineryError('ERR_USAGE', `${what}: expected a passphrase in the first line, found none`);
  return new Secret(line);
}
