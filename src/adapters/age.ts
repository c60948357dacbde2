/** age encryption (age-encryption.org/v1), loaded when a package is sealed or opened. */
import { JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

function sealError(expected: string, cause: unknown): JoineryError {
  return new JoineryError('ERR_PACKAGE_SEAL', `age: expected ${expected}, found something else`, { cause });
}

/** @param recipient `age1...`. @throws ERR_PACKAGE_SEAL */
export async function sealAge(plaintext: Uint8Array, recipient: string): Promise<Uint8Array> {
  const { Encrypter } = await import('age-encryption');
  const encrypter = new Encrypter();
  try {
    encrypter.addRecipient(recipient);
  } catch (cause) {
    throw sealError('a recipient (age1...)', cause);
  }
  return encrypter.encrypt(plaintext);
}

/** @param identity `AGE-SECRET-KEY-1...`. @throws ERR_PACKAGE_SEAL */
export async function openAge(sealed: Uint8Array, identity: Secret): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption');
  const decrypter = new Decrypter();
  try {
    decrypter.addIdentity(identity.reveal());
    return await decrypter.decrypt(sealed);
  } catch (cause) {
    throw sealError('a package that is sealed to this identity', cause);
  }
}
