/** The key vault in files: one encrypted PKCS #8 file a key, made with its final mode, never over another. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { digestOf } from '../core/digest.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { AdoptedKey, Custody, KeyReference, KeyVault, SigningKey } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { encryptedPem, openForeignPem, openPem, plainPem } from './pkcs8.ts';
import { systemRandom } from './random.ts';
import { generatePrivateKey, signingKey } from './signatures.ts';

export interface KeyVaultOptions {
  /** The realm. */
  readonly directory: string;
  readonly files: Files;
  /** `create` is asked for the first key of a custody: a prompt confirms it. */
  passphrase(custody: Custody, use: 'create' | 'open'): Promise<Secret>;
  /** Keys are neither written nor expected encrypted. */
  readonly plaintext: boolean;
  /** True while the keys of a committed rewrap lie beside the old ones. */
  rewrapped?(custody: Custody): Promise<boolean>;
}

export const MIN_PASSPHRASE_CHARACTERS = 12;
const MAX_KEY_FILE_BYTES = 64 * 1024;
const KEY_FILE = /^keys\/(?:offline|online)\/[A-Za-z0-9._-]{1,100}\.key$/;

export function openKeyVault(options: KeyVaultOptions): KeyVault {
  const opened = new Map<string, SigningKey>();
  /** Custodies whose passphrase has opened a key of theirs. */
  const proved = new Map<Custody, Secret>();
  const proving = async (custody: Custody, file: string): Promise<SigningKey> => {
    const { privateKey, passphrase } = await readKey(options, custody, file);
    const key = signingKey(privateKey);
    if (passphrase !== undefined) proved.set(custody, passphrase);
    opened.set(file, key);
    return key;
  };
  const passphraseToCreate = async (custody: Custody): Promise<Secret> => {
    const [existing] = proved.has(custody) ? [] : await keyFiles(options, custody);
    if (existing !== undefined) await proving(custody, existing);
    const passphrase = proved.get(custody) ?? checkStrength(await options.passphrase(custody, 'create'), custody);
    proved.set(custody, passphrase);
    return passphrase;
  };
  const write = async (name: string, custody: Custody, privateKey: KeyObject): Promise<{ reference: KeyReference; key: SigningKey }> => {
    const passphrase = options.plaintext ? undefined : await passphraseToCreate(custody);
    const key = signingKey(privateKey);
    // The key's hash in the name: an orphan of a crash never blocks a second try.
    const file = `keys/${custody}/${name}-${digestOf(key.spki).slice(0, 8)}.key`;
    await makeDirectories(options, custody);
    await options.files.create(join(options.directory, file), utf8(await toPem(privateKey, passphrase)), 0o600);
    opened.set(file, key);
    return { reference: { custody, file, type: key.type }, key };
  };
  return {
    generate: async ({ name, type, custody }) => write(name, custody, generatePrivateKey(type)),
    async adopt(pem, { what, passphrase }) {
      const privateKey = await openForeignPem(pem, what, passphrase);
      const keep: AdoptedKey['keep'] = async ({ name, custody }) => (await write(name, custody, privateKey)).reference;
      return { key: signingKey(privateKey), keep };
    },
    stageRewrap: (custody, passphrase) => stageRewrap(options, custody, passphrase),
    async finishRewrap(custody) {
      await finishRewrap(options, custody);
      proved.delete(custody);
    },
    open: async ({ custody, file }: KeyReference) => opened.get(file) ?? (await proving(custody, file)),
    async prove(custody) {
      const [first] = await keyFiles(options, custody);
      if (first === undefined) throw noKeyFile(`keys/${custody}`);
      await proving(custody, first);
    },
    release: (reference) => releaseKey(options, reference),
    async discard({ file }) {
      await options.files.remove(join(options.directory, checkPath(file)));
      opened.delete(file);
    },
  };
}

function toPem(key: KeyObject, passphrase: Secret | undefined): Promise<string> {
  return passphrase === undefined ? Promise.resolve(plainPem(key)) : encryptedPem(key, passphrase, systemRandom);
}

async function makeDirectories({ directory, files }: KeyVaultOptions, custody: Custody): Promise<void> {
  for (const path of ['keys', `keys/${custody}`]) {
    if ((await files.stat(join(directory, path))) === undefined) await files.makeDirectory(join(directory, path), 0o700);
  }
}

/** The key files of a custody, relative to the realm. */
async function keyFiles({ directory, files }: KeyVaultOptions, custody: Custody): Promise<string[]> {
  const path = `keys/${custody}`;
  if ((await files.stat(join(directory, path))) === undefined) return [];
  return (await files.list(join(directory, path))).map((name) => `${path}/${name}`).filter((file) => KEY_FILE.test(file));
}

function checkStrength(passphrase: Secret, custody: Custody): Secret {
  const { length } = Array.from(passphrase.reveal());
  if (length >= MIN_PASSPHRASE_CHARACTERS) return passphrase;
  throw new JoineryError(
    'ERR_KEY_PASSPHRASE_WEAK',
    `passphrase of the ${custody} keys: expected at least ${MIN_PASSPHRASE_CHARACTERS} characters, found fewer`,
    { hint: 'four or five random words are easy to keep and hard to guess' },
  );
}

/** A reference comes from the store: a damaged one must not lead out of the realm's keys. */
function checkPath(file: string): string {
  if (KEY_FILE.test(file)) return file;
  throw new JoineryError(
    'ERR_KEY_MALFORMED',
    `key reference: expected keys/<custody>/<name>.key, found ${JSON.stringify(file.slice(0, 120))}`,
  );
}

async function readKey(
  options: KeyVaultOptions,
  custody: Custody,
  file: string,
): Promise<{ privateKey: KeyObject; passphrase: Secret | undefined }> {
  const path = join(options.directory, await currentFile(options, custody, checkPath(file)));
  await checkFile(options.files, path, file);
  const text = decodeUtf8(await options.files.read(path, MAX_KEY_FILE_BYTES), file);
  let passphrase: Secret | undefined;
  const ask = async (): Promise<Secret> => (passphrase = await options.passphrase(custody, 'open'));
  const privateKey = await openPem(text, file, { plaintext: options.plaintext, passphrase: ask });
  return { privateKey, passphrase };
}

async function releaseKey(options: KeyVaultOptions, { custody, file }: KeyReference): Promise<Secret> {
  if (custody === 'online') return new Secret(plainPem((await readKey(options, custody, file)).privateKey));
  throw new JoineryError('ERR_KEY_MALFORMED', `${file}: expected an online key, found an offline one, which is never released`);
}

async function stageRewrap(options: KeyVaultOptions, custody: Custody, passphrase: Secret): Promise<number> {
  checkStrength(passphrase, custody);
  const files = await keyFiles(options, custody);
  if (files.length === 0) throw noKeyFile(`keys/${custody}`);
  for (const file of files) {
    const { privateKey } = await readKey(options, custody, file);
    const pem = await encryptedPem(privateKey, passphrase, systemRandom);
    await options.files.replace(join(options.directory, besides(file)), utf8(pem), 0o600);
  }
  return files.length;
}

async function finishRewrap(options: KeyVaultOptions, custody: Custody): Promise<void> {
  const { files, directory } = options;
  for (const file of await keyFiles(options, custody)) {
    const beside = join(directory, besides(file));
    if ((await files.stat(beside)) === undefined) continue;
    await files.replace(join(directory, file), await files.read(beside, MAX_KEY_FILE_BYTES), 0o600);
    await files.remove(beside);
  }
}

/** Where a rewrap writes a key until it takes its place; KEY_FILE does not match it. */
function besides(file: string): string {
  return `${file}.rewrapped`;
}

/** The file that holds a key now: the one beside, from the commit of a rewrap until that one took its place. */
async function currentFile({ directory, files, rewrapped }: KeyVaultOptions, custody: Custody, file: string): Promise<string> {
  const pending = rewrapped !== undefined && (await rewrapped(custody));
  return pending && (await files.stat(join(directory, besides(file)))) !== undefined ? besides(file) : file;
}

function noKeyFile(file: string): JoineryError {
  return new JoineryError('ERR_KEY_NOT_FOUND', `${file}: expected a key file, found none`, {
    hint: 'a realm made by realm export --online has no offline keys; otherwise restore the file from a backup',
    details: { file },
  });
}

async function checkFile(files: Files, path: string, file: string): Promise<void> {
  const info = await files.stat(path);
  if (info === undefined) throw noKeyFile(file);
  if (info.kind !== 'file') {
    throw new JoineryError('ERR_FILE_ACCESS', `${file}: expected a plain file, found a ${info.kind}`, {
      hint: 'put the key itself there, no link',
      details: { file },
    });
  }
  if ((info.mode & 0o077) !== 0) {
    throw new JoineryError('ERR_FILE_ACCESS', `${file}: expected mode 0600, found 0${info.mode.toString(8)}`, {
      hint: `others could read or change the key: chmod 600 ${file}, and consider a new key`,
      details: { file, mode: info.mode.toString(8) },
    });
  }
}
