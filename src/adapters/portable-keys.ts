/** Private keys that go to files of their owners, by node:crypto. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type { PortableKey, PortableKeys } from '../core/key-ports.ts';
import { encryptedPem, openPem, plainPem } from './pkcs8.ts';
import { systemRandom } from './random.ts';
import { generatePrivateKey, signingKey } from './signatures.ts';

function portable(key: KeyObject): PortableKey {
  return {
    spki: new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' })),
    signing: () => signingKey(key),
    toPem: (passphrase) => (passphrase === undefined ? Promise.resolve(plainPem(key)) : encryptedPem(key, passphrase, systemRandom)),
  };
}

export const portableKeys: PortableKeys = {
  generate: (type) => portable(generatePrivateKey(type)),
  open: async (pem, what, passphrase) => portable(await openPem(pem, what, { plaintext: true, passphrase })),
};
