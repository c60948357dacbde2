/** Keys whose private half everybody has: RFC 9500 publishes them for tests, and they turn up in production. */
import { type Pin, pinOf } from '../digest.ts';
import { JoineryError } from '../errors.ts';

/** SHA-256 of SubjectPublicKeyInfo of the keys of RFC 9500 that are of a type which joinery reads. */
const TEST_KEYS: ReadonlyMap<string, string> = new Map([
  ['sha256:9a9e5b0f404f4e2d4386e38b04ac91e535946dc2a7f8d84a31404b476e5c35e1', 'testRSA1024 (RFC 9500 section 2.1)'],
  ['sha256:8fb6bad671cfe698393c453357da61b56d757ab8c0f3fb9c87f2849e63131878', 'testRSA2048 (RFC 9500 section 2.1)'],
  ['sha256:96465ea5dc9bb2da7b351d808a7196e5761f2412a5040131c68d719aaba28fb9', 'testRSA4096 (RFC 9500 section 2.1)'],
  ['sha256:b2b04340cfaee616ec9c2c62d261b208e54bb197498df52e8cadede23ac0ba5e', 'testECCP256 (RFC 9500 section 2.3)'],
  ['sha256:c4c10105a0be0ed4dd3354428dc38a9bfee64da141ce16e75c94eda272f9dd3a', 'testECCP384 (RFC 9500 section 2.3)'],
  ['sha256:acb1b8327fef995e2458fdf5e3c33b2dc0749feabd6a894cb9bda9d70ac06c24', 'testECCP521 (RFC 9500 section 2.3)'],
]);

/** The name of a published test key, undefined for any other. */
export function testKeyName(pin: Pin): string | undefined {
  return TEST_KEYS.get(pin);
}

/**
 * @param spki DER of SubjectPublicKeyInfo.
 * @param what names the certificate, request or key in the error.
 * @throws ERR_KEY_TEST
 */
export function assertNoTestKey(spki: Uint8Array, what: string): void {
  const name = testKeyName(pinOf(spki));
  if (name === undefined) return;
  throw new JoineryError('ERR_KEY_TEST', `${what}: expected a key that is secret, found ${name}`, {
    hint: 'everybody has its private key; make a new one',
    details: { key: name },
  });
}
