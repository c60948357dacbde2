/** What opening a sealed package needs. Libraries load when they are first used. */
import { openJwe } from '../adapters/jose.ts';
import { portableKeys } from '../adapters/portable-keys.ts';
import { stageDirectory } from '../adapters/staged-directory.ts';
import type { UnsealWorld } from '../app/unseal-package.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { World } from './context.ts';

const MAX_IDENTITY_BYTES = 64 * 1024;

export async function unsealWorld({ files }: World): Promise<UnsealWorld & { readonly portableKeys: PortableKeys }> {
  const { openAge } = await import('../adapters/age.ts');
  return { files, openJwe, openAge, stageDirectory, portableKeys };
}

/** The identity in a file of age-keygen, among its comments. @throws ERR_PACKAGE_SEAL */
export async function ageIdentity(files: Files, path: string): Promise<Secret> {
  const text = decodeUtf8(await files.read(path, MAX_IDENTITY_BYTES), path);
  const line = text.split('\n').find((candidate) => /^AGE-SECRET-KEY-1[A-Z0-9]+\s*$/.test(candidate));
  if (line !== undefined) return new Secret(line.trim());
  throw new JoineryError('ERR_PACKAGE_SEAL', `${path}: expected an age identity (AGE-SECRET-KEY-1...), found none`);
}
