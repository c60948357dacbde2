/** The key that a node makes before it asks for a certificate, kept until that is installed: a lost reply is asked for again with it. */
import { decodeUtf8, toPem, utf8 } from '../core/encoding.ts';
import { identityLayout } from '../core/join/node-directory.ts';
import type { PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { writeCsr } from '../core/x509/csr-writer.ts';
import { writeName } from '../core/x509/name-text.ts';

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
  const { files, keys } = world;
  const kept = await keptKey(world, directory, purpose);
  const key = kept ?? keys.generate('p256');
  const pem = new Secret(await key.toPem(undefined));
  if (kept === undefined) await keep(files, directory, purpose, pem);
  return { key, pem, csr: toPem('CERTIFICATE REQUEST', await writeCsr(key.signing(), { subject: writeName([]), names: [] })) };
}

async function keptKey({ files, keys }: PendingKeyWorld, directory: string, purpose: string): Promise<PortableKey | undefined> {
  const { pendingKey: path, pendingFor } = identityLayout(directory);
  for (const file of [path, pendingFor]) if ((await files.stat(file))?.kind !== 'file') return undefined;
  if (decodeUtf8(await files.read(pendingFor, 256), pendingFor).trim() !== purpose) return undefined;
  try {
    return await keys.open(decodeUtf8(await files.read(path, MAX_KEY), path), path, () => Promise.reject(new Error('not encrypted')));
  } catch {
    // A file that a full disk cut off, say: a key that cannot be read was never sent.
    return undefined;
  }
}

async function keep(files: Files, directory: string, purpose: string, pem: Secret): Promise<void> {
  const layout = identityLayout(directory);
  if ((await files.stat(layout.pending)) === undefined) await files.makeDirectory(layout.pending, 0o700);
  await files.remove(layout.pendingKey);
  // The purpose first: a key without one is thrown away before it was ever sent.
  await files.replace(layout.pendingFor, utf8(`${purpose}\n`), 0o600);
  await files.replace(layout.pendingKey, utf8(pem.reveal()), 0o600);
}

/** Once the certificate is installed, or when the key is one that is installed already. */
export async function forgetPendingKey({ files }: Pick<PendingKeyWorld, 'files'>, directory: string): Promise<void> {
  const { pendingKey: path, pendingFor } = identityLayout(directory);
  await files.remove(path);
  await files.remove(pendingFor);
}
