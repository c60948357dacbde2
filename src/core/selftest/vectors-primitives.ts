/** Known answers of hashes, MACs, key derivation, encryption and key agreement. Octets are in hex. */
import { parseStrictJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { equalBytes, fromHex, utf8 } from '../encoding.ts';
import { known, type KnownAnswer } from './known-answer.ts';
import { type Sha2 } from './primitives.ts';

const sha2 = (hash: Sha2, digest: string): KnownAnswer =>
  known('primitives', hash, 'FIPS 180-4, "abc"', { message: 'abc', digest }, ({ message, digest: expected }, { primitives }) =>
    equalBytes(primitives.digest(hash, utf8(message)), fromHex(expected)),
  );

const hmac = (hash: Sha2, mac: string): KnownAnswer =>
  known(
    'primitives',
    `hmac-${hash}`,
    'RFC 4231 section 4.3',
    { key: 'Jefe', message: 'what do ya want for nothing?', mac },
    ({ key, message, mac: expected }, { primitives }) => equalBytes(primitives.hmac(hash, utf8(key), utf8(message)), fromHex(expected)),
  );

export const PRIMITIVE_ANSWERS: readonly KnownAnswer[] = [
  sha2('sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'),
  sha2('sha384', 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'),
  sha2(
    'sha512',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ),
  known(
    'primitives',
    'digest',
    'FIPS 180-4, 448 bits, by the hash of core',
    {
      message: 'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      digest: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    },
    ({ message, digest }) => digestOf(utf8(message)) === digest,
  ),
  hmac('sha256', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
  hmac('sha384', 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649'),
  hmac(
    'sha512',
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  ),
  known(
    'primitives',
    'hkdf-sha256',
    'RFC 5869 A.1',
    {
      secret: '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
      salt: '000102030405060708090a0b0c',
      info: 'f0f1f2f3f4f5f6f7f8f9',
      output: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    },
    ({ secret, salt, info, output }, { primitives }) =>
      equalBytes(
        primitives.hkdf({ hash: 'sha256', secret: fromHex(secret), salt: fromHex(salt), info: fromHex(info), size: 42 }),
        fromHex(output),
      ),
  ),
  known(
    'primitives',
    'pbkdf2-hmac-sha256',
    'RFC 7914 section 11',
    {
      password: 'passwd',
      salt: 'salt',
      output:
        '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    },
    ({ password, salt, output }, { primitives }) => {
      const request = { hash: 'sha256', secret: utf8(password), salt: utf8(salt), iterations: 1, size: 64 } as const;
      return equalBytes(primitives.pbkdf2(request), fromHex(output));
    },
  ),
  known(
    'primitives',
    'aes-256-gcm',
    'McGrew and Viega, The Galois/Counter Mode of Operation, test case 16',
    {
      key: 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308',
      iv: 'cafebabefacedbaddecaf888',
      aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
      ciphertext:
        '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662',
      tag: '76fc6ece0f4e1768cddf8853bb2d551b',
      plaintext: 'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    },
    (vector, { primitives }) =>
      equalBytes(
        primitives.openAead('aes-gcm', {
          key: fromHex(vector.key),
          iv: fromHex(vector.iv),
          aad: fromHex(vector.aad),
          ciphertext: fromHex(vector.ciphertext),
          tag: fromHex(vector.tag),
        }),
        fromHex(vector.plaintext),
      ),
  ),
  known(
    'primitives',
    'chacha20-poly1305',
    'RFC 8439 section 2.8.2',
    {
      key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
      iv: '070000004041424344454647',
      aad: '50515253c0c1c2c3c4c5c6c7',
      ciphertext:
        'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
      tag: '1ae10b594f09e26a7e902ecbd0600691',
      plaintext: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    },
    (vector, { primitives }) =>
      equalBytes(
        primitives.openAead('chacha20-poly1305', {
          key: fromHex(vector.key),
          iv: fromHex(vector.iv),
          aad: fromHex(vector.aad),
          ciphertext: fromHex(vector.ciphertext),
          tag: fromHex(vector.tag),
        }),
        utf8(vector.plaintext),
      ),
  ),
  known(
    'primitives',
    'x25519',
    'RFC 7748 section 6.1',
    {
      private: '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
      public: 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
      shared: '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    },
    (vector, { primitives }) => equalBytes(primitives.x25519(fromHex(vector.private), fromHex(vector.public)), fromHex(vector.shared)),
  ),
  known(
    'primitives',
    'ecdh-p256',
    'RFC 7518 appendix C',
    {
      private:
        '{"kty":"EC","crv":"P-256","x":"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0","y":"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps","d":"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo"}',
      public:
        '{"kty":"EC","crv":"P-256","x":"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ","y":"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck"}',
      shared: '9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4',
    },
    async (vector, { primitives }) =>
      equalBytes(
        await primitives.ecdh(parseStrictJson(vector.private, 'key') as object, parseStrictJson(vector.public, 'key') as object),
        fromHex(vector.shared),
      ),
  ),
];
