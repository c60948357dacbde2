/** The key vault in files: one encrypted PKCS #8 file a key, made with its final mode, never over another. */
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { digestOf } from '../core/digest.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Custody, Files, KeyReference, KeyVault, SigningKey } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { encryptedPem, openPem, plainPem } from './pkcs8.ts';
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
}

export const MIN_PASSPHRASE_CHARACTERS = 12;
const MAX_KEY_FILE_BYTES = 64 * 1024;
const KEY_FILE = /^keys\/(?:offline|online)\/[A-Za-z0-9._-]{1,100}\.key$/;

export function openKeyVault(options: KeyVaultOptions): KeyVault {
  const opened = new Map<string, SigningKey>();
  /** Custodies whose passphrase has opened a key of theirs. */
  const proved = new Map<Custody, Secret>();
  const proving = async (custody: Custody, file: string): Promise<SigningKey> => {
    const { key, passphrase } = await readKey(options, custody, file);
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
  return {
    async generate({ name, type, custody }) {
      const pem = options.plaintext ? undefined : await passphraseToCreate(custody);
      const privateKey = generatePrivateKey(type);
      const key = signingKey(privateKey);
      // The key's hash in the name: an orphan of a crash never blocks a second try.
      const file = `keys/${custody}/${name}-${digestOf(key.spki).slice(0, 8)}.key`;
      await makeDirectories(options, custody);
      await options.files.create(join(options.directory, file), utf8(await toPem(privateKey, pem)), 0o600);
      opened.set(file, key);
      return { reference: { custody, file, type }, key };
    },
    open: async ({ custody, file }: KeyReference) => opened.get(file) ?? (await proving(custody, file)),
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
): Promise<{ key: SigningKey; passphrase: Secret | undefined }> {
  const path = join(options.directory, checkPath(file));
  await checkFile(options.files, path, file);
  const text = decodeUtf8(await options.files.read(path, MAX_KEY_FILE_BYTES), file);
  let passphrase: Secret | undefined;
  const ask = async (): Promise<Secret> => (passphrase = await options.passphrase(custody, 'open'));
  const key = await openPem(text, file, { plaintext: options.plaintext, passphrase: ask });
  return { key: signingKey(key), passphrase };
}

async function checkFile(files: Files, path: string, file: string): Promise<void> {
  const info = await files.stat(path);
  if (info === undefined) {
    throw new JoineryError('ERR_KEY_NOT_FOUND', `${file}: expected a key file, found none`, {
      hint: 'a realm made by realm export --online has no offline keys; otherwise restore the file from a backup',
      details: { file },
    });
  }
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
