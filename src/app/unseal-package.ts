import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { OpenJwe } from '../core/key-ports.ts';
import { MAX_ARTIFACT_BYTES } from '../core/onboarding/formats/table.ts';
import { readTar } from '../core/onboarding/formats/tar.ts';
import { packageFile, PACKAGE_PATHS, type PackagePath } from '../core/onboarding/manifest.ts';
import type { Files, StageDirectory } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';

export interface UnsealWorld {
  readonly files: Files;
  readonly openJwe: OpenJwe;
  readonly openAge: (sealed: Uint8Array, identity: Secret) => Promise<Uint8Array>;
  readonly stageDirectory: StageDirectory;
}

const AGE_HEADER = 'age-encryption.org/v1\n';
/** A JWE is base64url. */
const MAX_SEALED_BYTES = 2 * MAX_ARTIFACT_BYTES;

/** True for what age sealed: it is opened with an identity instead of a private key. */
export function isAgeSealed(sealed: Uint8Array): boolean {
  return Buffer.from(sealed.subarray(0, AGE_HEADER.length)).toString('latin1') === AGE_HEADER;
}

/** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE */
export function readSealed(files: Files, path: string): Promise<Uint8Array> {
  return files.read(path, MAX_SEALED_BYTES);
}

/**
 * Opens a sealed package and writes it as a new directory, for `package verify`: that it was sealed proves nothing about who made it.
 * @param key an age identity, or PKCS #8 in PEM, not encrypted.
 * @returns the names of its files.
 * @throws ERR_PACKAGE_SEAL, ERR_PACKAGE_MALFORMED, ERR_FILE_EXISTS
 */
export async function unsealPackage(world: UnsealWorld, sealed: Uint8Array, key: Secret, out: string): Promise<readonly string[]> {
  const archive = await open(world, sealed, key);
  const files = readTar(archive, 'package.tar').map(({ path, bytes }) => {
    if (bytes === undefined || !(PACKAGE_PATHS as readonly string[]).includes(path))
      throw new JoineryError('ERR_PACKAGE_MALFORMED', 'package.tar: expected the files of a package only, found others');
    return packageFile(path as PackagePath, bytes);
  });
  await (await world.stageDirectory(out, files)).publish();
  return files.map(({ path }) => path);
}

async function open({ openAge, openJwe }: UnsealWorld, sealed: Uint8Array, key: Secret): Promise<Uint8Array> {
  if (isAgeSealed(sealed)) return openAge(sealed, key);
  try {
    return await openJwe(decodeUtf8(sealed, 'package.tar.jwe').trim(), key);
  } catch (cause) {
    if (!isJoineryError(cause, 'ERR_CLUSTER_ANSWER') && !isJoineryError(cause, 'ERR_CLUSTER_ANSWER_KEY')) throw cause;
    throw new JoineryError('ERR_PACKAGE_SEAL', 'expected a package that is sealed to this key, found another, or a changed one', { cause });
  }
}
