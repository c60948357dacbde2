/** Public keys that no certificate may hold: weak ones, and those whose private half everybody has. */
import { type Pin, pinOf } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import type { PublicKey, SubjectPublicKeyInfo } from './algorithms.ts';
import { isRocaModulus } from './roca.ts';
import { isStrongKey } from './strength.ts';

/** The test keys of RFC 9500: software that ships with one by mistake is met in practice. */
const TEST_KEYS: Readonly<Record<Pin, string>> = {
  ['sha256:9a9e5b0f404f4e2d4386e38b04ac91e535946dc2a7f8d84a31404b476e5c35e1' as Pin]: 'testRSA1024',
  ['sha256:8fb6bad671cfe698393c453357da61b56d757ab8c0f3fb9c87f2849e63131878' as Pin]: 'testRSA2048',
  ['sha256:96465ea5dc9bb2da7b351d808a7196e5761f2412a5040131c68d719aaba28fb9' as Pin]: 'testRSA4096',
  ['sha256:b2b04340cfaee616ec9c2c62d261b208e54bb197498df52e8cadede23ac0ba5e' as Pin]: 'testECCP256',
  ['sha256:c4c10105a0be0ed4dd3354428dc38a9bfee64da141ce16e75c94eda272f9dd3a' as Pin]: 'testECCP384',
  ['sha256:acb1b8327fef995e2458fdf5e3c33b2dc0749feabd6a894cb9bda9d70ac06c24' as Pin]: 'testECCP521',
};

/**
 * @param what names the key in the error: `web.csr`.
 * @param pin of the key, where the caller has it.
 * @throws ERR_KEY_KNOWN for a published test key, ERR_KEY_WEAK for RSA below 2048 bits or of a broken generator, an unknown curve or another kind of key.
 */
export function assertUsableKey(spki: SubjectPublicKeyInfo, what: string, pin: Pin = pinOf(spki.der)): void {
  const known = TEST_KEYS[pin];
  if (known !== undefined) {
    throw new JoineryError('ERR_KEY_KNOWN', `${what}: expected a key that only its owner has, found ${known} of RFC 9500`, {
      hint: 'make a new key: joinery cert request does',
    });
  }
  if (isStrongKey(spki.key)) return;
  throw new JoineryError(
    'ERR_KEY_WEAK',
    `${what}: expected RSA of 2048 bits or more, P-256, P-384, P-521 or an Edwards curve, found ${keyText(spki.key)}`,
    { hint: 'make a new key: joinery cert request does' },
  );
}

/** A public key for people: `RSA 2048`, `EC 1.2.840.10045.3.1.7`, `ed25519`. */
export function keyText(key: PublicKey): string {
  switch (key.kind) {
    case 'rsa':
      return `RSA ${key.bits}${isRocaModulus(key.modulus) ? ' of a broken generator (CVE-2017-15361)' : ''}`;
    case 'ec':
      return `EC ${CURVE_NAMES[key.curve] ?? (key.curve || 'with explicit parameters')}`;
    case 'other':
      return `algorithm ${key.oid}`;
    default:
      return key.kind === 'ed25519' ? 'Ed25519' : 'Ed448';
  }
}

const CURVE_NAMES: Readonly<Record<string, string>> = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
};
