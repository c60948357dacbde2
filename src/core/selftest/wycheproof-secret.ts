/** Wycheproof's secret-key primitives and key agreements, as far as joinery stands on them. */
import { equalBytes } from '../encoding.ts';
import { SHA2, type Sha2 } from './primitives.ts';
import { bytesOf, numberOf, objectOf, type Shape } from './shape.ts';
import { skipped } from './trial.ts';
import type { OpenGroup, WycheproofGroup } from './wycheproof.ts';

const HASHES: Readonly<Record<string, Sha2>> = { '256': 'sha256', '384': 'sha384', '512': 'sha512' };
const hashAfter = (pattern: RegExp, algorithm: string): Sha2 | undefined => HASHES[pattern.exec(algorithm)?.[1] ?? ''];
const unused = ({ algorithm, group }: WycheproofGroup): string => `joinery uses no ${algorithm || String(group['curve'])}`;

/** The octets of a member of a test. */
const reader =
  (test: Shape, where: string) =>
  (name: string): Uint8Array =>
    bytesOf(test[name], `${where}.${name}`);

const mac: OpenGroup = (given) => {
  const hash = hashAfter(/^HMACSHA(\d+)$/, given.algorithm);
  const octets = numberOf(given.group['tagSize'], `${given.where}.tagSize`) / 8;
  if (hash === undefined) return unused(given);
  return (test) => {
    const octet = reader(test, given.where);
    return equalBytes(given.tools.primitives.hmac(hash, octet('key'), octet('msg')).subarray(0, octets), octet('tag'));
  };
};

const hkdf: OpenGroup = (given) => {
  const hash = hashAfter(/^HKDF-SHA-(\d+)$/, given.algorithm);
  if (hash === undefined) return unused(given);
  return (test) => {
    const octet = reader(test, given.where);
    const request = { hash, secret: octet('ikm'), salt: octet('salt'), info: octet('info'), size: numberOf(test['size'], given.where) };
    return equalBytes(given.tools.primitives.hkdf(request), octet('okm'));
  };
};

/** Some ten seconds. */
const MAX_ROUNDS = 20_000_000;

const pbkdf2: OpenGroup = (given) => {
  const hash = hashAfter(/^PBKDF2-HMACSHA(\d+)$/, given.algorithm);
  if (hash === undefined) return unused(given);
  return (test) => {
    const octet = reader(test, given.where);
    const [iterations, size] = [numberOf(test['iterationCount'], given.where), numberOf(test['dkLen'], given.where)];
    if (iterations * Math.ceil(size / SHA2[hash]) > MAX_ROUNDS) return skipped('more rounds of PBKDF2 than are tried here');
    return equalBytes(
      given.tools.primitives.pbkdf2({ hash, secret: octet('password'), salt: octet('salt'), iterations, size }),
      octet('dk'),
    );
  };
};

const AEADS = { 'AES-GCM': 'aes-gcm', 'CHACHA20-POLY1305': 'chacha20-poly1305' } as const;

const aead: OpenGroup = (given) => {
  const { algorithm, group } = given;
  const cipher = Object.hasOwn(AEADS, algorithm) ? AEADS[algorithm as keyof typeof AEADS] : undefined;
  if (cipher === undefined) return unused(given);
  if (group['ivSize'] !== 96 || group['tagSize'] !== 128) return 'joinery uses nonces of 96 bits and tags of 128 bits only';
  return (test) => {
    const octet = reader(test, given.where);
    const sealed = { key: octet('key'), iv: octet('iv'), aad: octet('aad'), ciphertext: octet('ct'), tag: octet('tag') };
    return equalBytes(given.tools.primitives.openAead(cipher, sealed), octet('msg'));
  };
};

const cbc: OpenGroup = (given) => {
  if (given.algorithm !== 'AES-CBC-PKCS5') return unused(given);
  return (test) => {
    const octet = reader(test, given.where);
    return equalBytes(given.tools.primitives.openCbc({ key: octet('key'), iv: octet('iv'), ciphertext: octet('ct') }), octet('msg'));
  };
};

const xdh: OpenGroup = (given) => {
  if (!/^(?:curve|x)25519$/.test(String(given.group['curve']))) return `joinery uses no ${String(given.group['curve'])}`;
  return (test) => {
    const octet = reader(test, given.where);
    return equalBytes(given.tools.primitives.x25519(octet('private'), octet('public')), octet('shared'));
  };
};

const ecdh: OpenGroup = (given) => {
  if (given.group['curve'] !== 'P-256') return `joinery agrees on keys on P-256 only`;
  return async (test) => {
    const [own, other] = [objectOf(test['private'], given.where), objectOf(test['public'], given.where)];
    return equalBytes(await given.tools.primitives.ecdh(own, other), bytesOf(test['shared'], given.where));
  };
};

export const SECRET_GROUPS: Readonly<Record<string, OpenGroup>> = {
  MacTest: mac,
  HkdfTest: hkdf,
  PbkdfTest: pbkdf2,
  AeadTest: aead,
  IndCpaTest: cbc,
  XdhComp: xdh,
  EcdhWebcryptoTest: ecdh,
};
