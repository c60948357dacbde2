/** The composition root: which adapter serves which port. Everything heavy loads when it is first used. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../adapters/clock.ts';
import { systemFiles } from '../adapters/files.ts';
import { systemRandom } from '../adapters/random.ts';
import { parseRealmRecord, type RealmRecord } from '../app/realm-record.ts';
import type { Caller, Realm } from '../app/realm.ts';
import { JoineryError } from '../core/errors.ts';
import { isCorrelationId, uuidV4 } from '../core/names.ts';
import type { Clock, Files, KeyVault, Progress, Prompter, Random, Store } from '../core/ports.ts';
import { currentIo } from './io.ts';
import { type PassphraseSource, passphraseSource } from './passphrases.ts';
import { progressOn } from './render/progress.ts';

/** The flags that the context obeys, where a command has them. */
export interface RealmFlags {
  readonly realm?: string | undefined;
  readonly actor?: string | undefined;
  readonly 'correlation-id'?: string | undefined;
  readonly 'passphrase-file'?: string | undefined;
  readonly 'online-passphrase-file'?: string | undefined;
  readonly quiet?: boolean | undefined;
}

export interface Context {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly progress: Progress;
  readonly caller: Caller;
  readonly passphrases: PassphraseSource;
  prompter(): Prompter;
  /** The directory that `init` makes a realm in: --realm, JOINERY_REALM, or the current directory. */
  readonly newRealmDirectory: string;
  /** Makes the state of a new realm. @throws ERR_FILE_EXISTS */
  createStore(directory: string): Promise<Store>;
  vault(directory: string, plaintext: boolean): Promise<KeyVault>;
  /** Opens the realm once. @throws ERR_REALM_NOT_FOUND and what configuration and store throw. */
  realm(): Promise<Realm>;
  close(): Promise<void>;
}

export const STATE_FILE = 'state.db';

export function openContext(flags: RealmFlags, warn: (message: string) => void): Context {
  const io = currentIo();
  const prompter = lazyPrompter();
  const passphrases = passphraseSource({
    files: { offline: flags['passphrase-file'], online: flags['online-passphrase-file'] },
    env: io.env,
    read: (path, maxBytes) => systemFiles.read(path, maxBytes),
    prompter,
    warn,
  });
  const caller = callerOf(flags, io.env);
  const named = flags.realm ?? (io.env['JOINERY_REALM'] || undefined);
  let opened: Promise<Realm> | undefined;
  const vault = async (directory: string, plaintext: boolean) => {
    if (plaintext) warn('the keys of this realm are not encrypted (--insecure-plaintext-keys): whoever reads its files has its keys');
    const { openKeyVault } = await import('../adapters/key-files.ts');
    return openKeyVault({ directory, files: systemFiles, passphrase: passphrases, plaintext });
  };
  const open = async (): Promise<Realm> => {
    const { findConfig, loadConfig } = await import('../adapters/config-file.ts');
    const { directory, config } = await (named === undefined ? findConfig(io.cwd()) : loadConfig(named));
    const { openSqliteStore } = await import('../adapters/sqlite-store.ts');
    const { verifySignature } = await import('../adapters/signatures.ts');
    const store = await openSqliteStore({ path: join(directory, STATE_FILE) });
    const record = await realmRecord(store);
    const keys = await vault(directory, record.plaintext_keys);
    return { directory, config, store, vault: keys, files: systemFiles, clock: systemClock, random: systemRandom, verifySignature, caller };
  };
  return {
    clock: systemClock,
    random: systemRandom,
    files: systemFiles,
    progress: progressOn(io.stderr, flags.quiet !== true),
    caller,
    passphrases,
    prompter: () => prompter,
    newRealmDirectory: named ?? io.cwd(),
    createStore: async (directory) => {
      const { openSqliteStore } = await import('../adapters/sqlite-store.ts');
      return openSqliteStore({ path: join(directory, STATE_FILE), create: true });
    },
    vault,
    realm: () => (opened ??= open()),
    close: async () => {
      // A realm that failed to open has reported that already.
      const realm = await opened?.catch(() => undefined);
      await realm?.store.close();
    },
  };
}

async function realmRecord(store: Store): Promise<RealmRecord> {
  try {
    return parseRealmRecord((await store.get('realm'))?.value);
  } catch (error) {
    await store.close();
    throw error;
  }
}

function callerOf(flags: RealmFlags, env: Record<string, string | undefined>): Caller {
  const correlationId = flags['correlation-id'] ?? uuidV4(systemRandom);
  if (!isCorrelationId(correlationId)) {
    throw new JoineryError('ERR_USAGE', '--correlation-id: expected 1 to 128 of A-Z a-z 0-9 . _ : -, found something else');
  }
  const name = flags.actor ?? (env['JOINERY_ACTOR'] || osUser());
  if (name.length > 256) throw new JoineryError('ERR_USAGE', `--actor: expected at most 256 characters, found ${name.length}`);
  return { actor: { name, verified: false }, correlationId };
}

function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    // No entry for this uid (a container): the number still says who it was.
    return `uid:${process.getuid?.() ?? 'unknown'}`;
  }
}

function lazyPrompter(): Prompter {
  const load = async (): Promise<Prompter> => {
    const { terminalPrompter } = await import('../adapters/prompter.ts');
    const { stdin, stderr } = currentIo();
    return terminalPrompter({ input: stdin, output: stderr });
  };
  return {
    passphrase: async (question, options) => (await load()).passphrase(question, options),
    confirm: async (question, options) => (await load()).confirm(question, options),
  };
}
