/** The key that a node makes before it asks for a certificate, kept until that is installed: a lost reply is asked for again with it. */
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import { identityLayout } from '../core/join/node-directory.ts';
import type { PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { csrNaming } from './named-request.ts';
import { shareDirectory } from './shared-directory.ts';

export interface PendingKeyWorld {
  readonly files: Files;
  readonly keys: PortableKeys;
}

export interface PendingKey {
  readonly key: PortableKey;
  /** PKCS #8, not encrypted: that is how services read it, protected by its mode. */
  readonly pem: Secret;
  /** PEM; it names nobody: the server decides who the node is. */
  readonly csr: string;
}

const MAX_KEY = 16 * 1024;

/**
 * The pending key for this purpose, or a new one (P-256, 0600). A server gives the same certificate again to the same key, and takes a
 * second key for a thief's; a key for another purpose is thrown away.
 * @param purpose `join`, or the serial number of the certificate that it renews.
 * @throws ERR_FILE_ACCESS, ERR_FILE_DISK_FULL
 */
export async function pendingKey(world: PendingKeyWorld, directory: string, purpose: string): Promise<PendingKey> {
  // Looked at first: what is not there yet, and then is, is the new key of another run.
  const old = (await world.files.stat(identityLayout(directory).pendingKey)) !== undefined;
  const key = (await keptKey(world, directory, purpose)) ?? (await makeKey(world, directory, { purpose, old }));
  return { key, pem: new Secret(await key.toPem(undefined)), csr: await csrNaming(key.signing(), []) };
}

async function keptKey({ files, keys }: PendingKeyWorld, directory: string, purpose: string): Promise<PortableKey | undefined> {
  const { pendingKey: path, pendingFor } = identityLayout(directory);
  if ((await files.stat(path))?.kind !== 'file' || (await purposeOf(files, pendingFor)) !== purpose) return undefined;
  try {
    return await keys.open(decodeUtf8(await files.read(path, MAX_KEY), path), path, () => Promise.reject(new Error('not encrypted')));
  } catch {
    // A file that a full disk cut off, say: a key that cannot be read was never sent.
    return undefined;
  }
}

interface NewKey {
  readonly purpose: string;
  /** Whether a key that serves no more lies in its place. */
  readonly old: boolean;
}

async function makeKey(world: PendingKeyWorld, directory: string, { purpose, old }: NewKey): Promise<PortableKey> {
  const { files, keys } = world;
  const { pending, pendingKey: path, pendingFor } = identityLayout(directory);
  await shareDirectory(files, pending, 0o700);
  if (old) await files.remove(path);
  // The purpose first: a key without one is thrown away before it was ever sent.
  await files.replace(pendingFor, utf8(`${purpose}\n`), 0o600);
  const key = keys.generate('p256');
  try {
    await files.create(path, utf8(await key.toPem(undefined)), 0o600);
    return key;
  } catch (error) {
    if (!isJoineryError(error, 'ERR_FILE_EXISTS')) throw error;
    // A timer beside a person: both go on with the key of whoever was first, or the server would take one of them for a thief.
    return (await keptKey(world, directory, purpose)) ?? Promise.reject(error);
  }
}

/**
 * Once the certificate is installed, or when the key is one that is installed already.
 * @param purpose forgets the key for this purpose only: another may be under way.
 */
export async function forgetPendingKey({ files }: Pick<PendingKeyWorld, 'files'>, directory: string, purpose?: string): Promise<void> {
  const { pendingKey: path, pendingFor } = identityLayout(directory);
  if (purpose !== undefined && (await purposeOf(files, pendingFor)) !== purpose) return;
  await files.remove(path);
  await files.remove(pendingFor);
}

async function purposeOf(files: Files, path: string): Promise<string | undefined> {
  return (await files.stat(path))?.kind === 'file' ? decodeUtf8(await files.read(path, 256), path).trim() : undefined;
}
