/** The primitives of node:crypto by themselves, for the self-test. */
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  type JsonWebKeyInput,
  pbkdf2Sync,
  sign,
  webcrypto,
} from 'node:crypto';
import { concat, fromHex } from '../core/encoding.ts';
import type { Primitives, SealedData } from '../core/selftest/primitives.ts';

/** DER in front of the octets of a key on an Edwards or Montgomery curve (RFC 8410 section 7). */
const PREFIX = {
  x25519Private: fromHex('302e020100300506032b656e04220420'),
  x25519Public: fromHex('302a300506032b656e032100'),
  ed25519Private: fromHex('302e020100300506032b657004220420'),
};
const P256 = { name: 'ECDH', namedCurve: 'P-256' } as const;

const array = (bytes: ArrayBuffer | Buffer): Uint8Array => Uint8Array.from(new Uint8Array(bytes));
const privateKey = (prefix: Uint8Array, octets: Uint8Array) =>
  createPrivateKey({ key: Buffer.from(concat(prefix, octets)), format: 'der', type: 'pkcs8' });

function openCbc({ key, iv, ciphertext }: SealedData): Uint8Array {
  const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, iv);
  return array(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
}

export const rawPrimitives: Primitives = {
  digest: (hash, data) => array(createHash(hash).update(data).digest()),
  hmac: (hash, key, data) => array(createHmac(hash, key).update(data).digest()),
  hkdf: ({ hash, secret, salt, info, size }) => array(hkdfSync(hash, secret, salt, info, size)),
  pbkdf2: ({ hash, secret, salt, iterations, size }) => array(pbkdf2Sync(secret, salt, iterations, size, hash)),
  openAead(cipher, { key, iv, aad, ciphertext, tag }) {
    const name = cipher === 'aes-gcm' ? (`aes-${key.length * 8}-gcm` as 'aes-256-gcm') : 'chacha20-poly1305';
    const decipher = createDecipheriv(name as 'aes-256-gcm', key, iv, { authTagLength: 16 });
    decipher.setAAD(aad, { plaintextLength: ciphertext.length });
    decipher.setAuthTag(tag);
    return array(Buffer.concat([decipher.update(ciphertext), decipher.final()]));
  },
  openCbc,
  x25519(own, other) {
    const publicKey = createPublicKey({ key: Buffer.from(concat(PREFIX.x25519Public, other)), format: 'der', type: 'spki' });
    return array(diffieHellman({ privateKey: privateKey(PREFIX.x25519Private, own), publicKey }));
  },
  async ecdh(own, other) {
    const read = (jwk: object, usages: 'deriveBits'[]) =>
      webcrypto.subtle.importKey('jwk', jwk as JsonWebKeyInput['key'], P256, false, usages);
    const [secret, peer] = [await read(own, ['deriveBits']), await read(other, [])];
    return array(await webcrypto.subtle.deriveBits({ name: 'ECDH', public: peer }, secret, 256));
  },
  signEd25519: (seed, data) => array(sign(null, data, privateKey(PREFIX.ed25519Private, seed))),
};
