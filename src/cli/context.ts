/** The composition root: which adapter serves which port. Everything heavy loads when it is first used. */
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { systemFiles } from '../adapters/files.ts';
import { hmacSigner } from '../adapters/hmac-key.ts';
import { sealJwe } from '../adapters/jose.ts';
import { systemRandom } from '../adapters/random.ts';
import { signingKeyOfText } from '../adapters/token-key.ts';
import type { NewRealm } from '../app/create-realm.ts';
import { fetchPassphrase } from '../app/keychain-passphrases.ts';
import type { VerifyWorld } from '../app/verify-package.ts';
import { parseRealmRecord } from '../app/realm-record.ts';
import { rewrapRecordKey } from '../app/rewrap-keys.ts';
import type { Caller, Realm } from '../app/realm.ts';
import type { PackageWorld } from '../app/package-request.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { isCorrelationId, uuidV4 } from '../core/names.ts';
import type { Custody, Keychain, KeyVault, SecretSharing, SigningKey } from '../core/key-ports.ts';
import type { Recipient } from '../core/onboarding/seal.ts';
import type { Progress, Prompter, Store, StoreEngine } from '../core/ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { Secret } from '../core/secret.ts';
import type { HmacKey } from '../core/token/hmac-key.ts';
import type { TokenSigner } from '../core/token/signer.ts';
import { readInput } from './input.ts';
import { currentIo } from './io.ts';
import { type PassphraseSource, passphraseSource } from './passphrases.ts';
import { type PausableProgress, progressOn } from './render/progress.ts';
import { systemWorld } from './system-world.ts';

/** The flags that the context obeys, where a command has them. */
export interface RealmFlags {
  readonly realm?: string | undefined;
  readonly actor?: string | undefined;
  readonly 'correlation-id'?: string | undefined;
  readonly 'passphrase-file'?: string | undefined;
  readonly 'online-passphrase-file'?: string | undefined;
  readonly keychain?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Everything of the world that does not need a realm. */
export type World = Omit<Realm, 'directory' | 'config' | 'store' | 'vault'>;

export interface Context {
  readonly world: World;
  readonly progress: Progress;
  readonly passphrases: PassphraseSource;
  readonly prompter: Prompter;
  readonly hmacSigner: (key: HmacKey) => TokenSigner;
  /** Opens a private key that is no realm's, from its text. @throws ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE */
  signingKeyOf(text: string, what: string): Promise<SigningKey>;
  /** The text of a `joinery.yaml`. */
  renderConfig(config: RealmConfig): Promise<string>;
  /** A realm to be made in --realm, JOINERY_REALM, or the current directory. */
  newRealm(config: RealmConfig, plaintextKeys: boolean): NewRealm;
  /** Opens the realm once. @throws ERR_REALM_NOT_FOUND and what configuration and store throw. */
  realm(): Promise<Realm>;
  /** Where the realm lies, without opening its state. @throws ERR_REALM_NOT_FOUND, ERR_CONFIG_FOREIGN, ERR_CONFIG_MALFORMED */
  location(): Promise<{ readonly directory: string; readonly config: RealmConfig }>;
  /** The configuration in a directory: that of a backup. */
  configIn(directory: string): Promise<RealmConfig>;
  storeEngine(): Promise<StoreEngine>;
  /** @throws ERR_KEYCHAIN_UNAVAILABLE */
  keychain(): Promise<Keychain>;
  secretSharing(): Promise<SecretSharing>;
  /** What rendering a package needs beyond the realm. */
  packageWorld(): Promise<PackageWorld>;
  /** What reading and proving a package needs, without any realm. */
  packageReader(): Promise<VerifyWorld>;
  close(): Promise<void>;
}

const STATE_FILE = 'state.db';

export function openContext(flags: RealmFlags, warn: (message: string) => void): Context {
  const io = currentIo();
  // An unset variable of a script: the current directory is not what was meant.
  if (flags.realm === '') throw new JoineryError('ERR_USAGE', '--realm: expected a directory, found an empty name');
  const progress = progressOn(() => io.stderr.stream, flags.quiet !== true);
  const prompter = lazyPrompter(progress);
  const passphrases = passphraseSource({
    files: { offline: flags['passphrase-file'], online: flags['online-passphrase-file'] },
    env: io.env,
    read: (path, maxBytes) => readInput(systemFiles, path, maxBytes),
    prompter,
    keychain: flags.keychain === true ? (custody) => fromKeychain(store, custody) : undefined,
    warn,
  });
  const world: World = { ...systemWorld, caller: callerOf(flags, io.env) };
  let store: Store | undefined;
  const named = flags.realm ?? (io.env['JOINERY_REALM'] || undefined);
  let opened: Promise<Realm> | undefined;
  const vault = async (directory: string, plaintext: boolean): Promise<KeyVault> => {
    if (plaintext) warn('the keys of this realm are not encrypted (--insecure-plaintext-keys): whoever reads its files has its keys');
    const { openKeyVault } = await import('../adapters/key-files.ts');
    const rewrapped = async (custody: Custody) => (await store?.get(rewrapRecordKey(custody))) !== undefined;
    return openKeyVault({ directory, files: systemFiles, passphrase: passphrases, plaintext, rewrapped });
  };
  const openStore = async (directory: string, create: boolean): Promise<Store> => {
    const { openSqliteStore } = await import('../adapters/sqlite-store.ts');
    store = await openSqliteStore({ path: join(directory, STATE_FILE), create });
    return store;
  };
  const location = () => locate(named, io.cwd());
  const open = async (): Promise<Realm> => {
    const { directory, config } = await location();
    const state = await openStore(directory, false);
    const record = parseRealmRecord((await state.get('realm'))?.value);
    return { ...world, directory, config, store: state, vault: await vault(directory, record.plaintext_keys) };
  };
  return {
    world,
    progress,
    passphrases,
    prompter,
    ...tokenSigners(passphrases),
    renderConfig: async (config) => (await import('../adapters/config-file.ts')).renderConfig(config),
    newRealm: (config, plaintextKeys) => {
      assertNoKeychain(flags);
      const directory = named ?? io.cwd();
      const open = { createStore: () => openStore(directory, true), openVault: () => vault(directory, plaintextKeys) };
      return { ...world, directory, config, ...open };
    },
    realm: () => (opened ??= open()),
    location,
    configIn: async (directory) => (await locate(directory, '')).config,
    storeEngine,
    keychain,
    secretSharing: async () => (await import('../adapters/shamir.ts')).secretSharing,
    packageWorld,
    packageReader: async () => ({ ...world, gunzip: (await import('../adapters/gzip.ts')).gunzip }),
    close: async () => store?.close(),
  };
}

async function locate(named: string | undefined, cwd: string): ReturnType<Context['location']> {
  const { findConfig, loadConfig } = await import('../adapters/config-file.ts');
  return named === undefined ? findConfig(cwd) : loadConfig(named);
}

function assertNoKeychain(flags: RealmFlags): void {
  if (flags.keychain !== true) return;
  throw new JoineryError('ERR_USAGE', '--keychain: expected a realm that has stored its passphrases there, found one to be made', {
    hint: 'afterwards: joinery realm keychain store',
  });
}

async function storeEngine(): Promise<StoreEngine> {
  const { sqliteEngine } = await import('../adapters/sqlite-store.ts');
  return sqliteEngine();
}

async function keychain(): Promise<Keychain> {
  return (await import('../adapters/keychain.ts')).openKeychain();
}

async function fromKeychain(store: Store | undefined, custody: Custody): Promise<Secret | undefined> {
  return store && fetchPassphrase({ store }, await keychain(), custody);
}

async function packageWorld(): Promise<PackageWorld> {
  const [{ stageDirectory, stageTree }, { readAgentTemplates, readTemplate }, { gunzip, gzip }] = await Promise.all([
    import('../adapters/staged-directory.ts'),
    import('../adapters/templates.ts'),
    import('../adapters/gzip.ts'),
  ]);
  return {
    stageDirectory,
    stageTree,
    gzip,
    gunzip,
    trustCheck: await readTemplate('trust-check.sh'),
    agentTemplates: await readAgentTemplates(),
    parseYaml: async (text, what) => (await import('../adapters/config-file.ts')).parseCloudYaml(text, what),
    seal: sealTo,
  };
}

async function sealTo(plaintext: Uint8Array, recipient: Recipient): Promise<Uint8Array> {
  if (recipient.kind === 'age') return (await import('../adapters/age.ts')).sealAge(plaintext, recipient.recipient);
  return utf8(await sealJwe(plaintext, recipient.jwk));
}

function tokenSigners(passphrases: PassphraseSource): Pick<Context, 'hmacSigner' | 'signingKeyOf'> {
  return { hmacSigner, signingKeyOf: (text, what) => signingKeyOfText(text, what, () => passphrases('offline', 'open')) };
}

function callerOf(flags: RealmFlags, env: Record<string, string | undefined>): Caller {
  const correlationId = flags['correlation-id'] ?? uuidV4(systemRandom);
  if (!isCorrelationId(correlationId)) {
    throw new JoineryError('ERR_USAGE', '--correlation-id: expected 1 to 128 of A-Z a-z 0-9 . _ : -, found something else');
  }
  const name = flags.actor ?? (env['JOINERY_ACTOR'] || osUser());
  if (name.length < 1 || name.length > 256)
    throw new JoineryError('ERR_USAGE', `--actor: expected 1 to 256 characters, found ${name.length}`);
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

function lazyPrompter(progress: PausableProgress): Prompter {
  const load = async (): Promise<Prompter> => {
    const { terminalPrompter } = await import('../adapters/prompter.ts');
    const { stdin, stderr } = currentIo();
    return terminalPrompter({ input: stdin, output: stderr.stream });
  };
  return {
    passphrase: (question, options) => progress.pause(async () => (await load()).passphrase(question, options)),
    confirmName: (name, options) => progress.pause(async () => (await load()).confirmName(name, options)),
  };
}
