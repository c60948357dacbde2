/** Signature verification and private keys by node:crypto. Keys are parsed once; a PEM string a call would halve the speed. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { JoineryError } from '../core/errors.ts';
import type { KeyType, SignatureAlgorithm, SigningKey, VerifySignature } from '../core/key-ports.ts';
import { parseSpki, type PublicKey } from '../core/x509/algorithms.ts';

interface Rule {
  readonly keyType: PublicKey['kind'];
  readonly hash: string | null;
  readonly pss?: true;
}

const RULES: Readonly<Record<SignatureAlgorithm, Rule>> = {
  'ecdsa-sha256': { keyType: 'ec', hash: 'sha256' },
  'ecdsa-sha384': { keyType: 'ec', hash: 'sha384' },
  'ecdsa-sha512': { keyType: 'ec', hash: 'sha512' },
  ed25519: { keyType: 'ed25519', hash: null },
  ed448: { keyType: 'ed448', hash: null },
  'rsa-sha256': { keyType: 'rsa', hash: 'sha256' },
  'rsa-sha384': { keyType: 'rsa', hash: 'sha384' },
  'rsa-sha512': { keyType: 'rsa', hash: 'sha512' },
  'rsa-pss-sha256': { keyType: 'rsa', hash: 'sha256', pss: true },
  'rsa-pss-sha384': { keyType: 'rsa', hash: 'sha384', pss: true },
  'rsa-pss-sha512': { keyType: 'rsa', hash: 'sha512', pss: true },
};

const RSA_PKCS1_PSS_PADDING = 6;
const RSA_PSS_SALTLEN_DIGEST = -1;

export const verifySignature: VerifySignature = ({ algorithm, spki, data, signature, encoding }) => {
  const rule = RULES[algorithm];
  try {
    // The key says by which algorithm node:crypto verifies, so its type is compared with the one that was named.
    if (parseSpki(spki).key.kind !== rule.keyType) return false;
    return verify(rule.hash, data, verifyInput(spki, rule, encoding), signature);
  } catch {
    // By contract a key or signature that cannot be used is a signature that does not hold.
    return false;
  }
};

/** With the key in DER: a KeyObject of its own, for a key that is used once, costs a tenth of the verification. */
function verifyInput(spki: Uint8Array, rule: Rule, encoding: 'der' | 'ieee-p1363') {
  const key = { key: Buffer.from(spki.buffer, spki.byteOffset, spki.byteLength), format: 'der', type: 'spki' } as const;
  if (rule.keyType === 'ec' && encoding !== 'der') return { ...key, dsaEncoding: encoding };
  return rule.pss ? { ...key, padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST } : key;
}

/** Makes a private key of the type. */
export function generatePrivateKey(type: KeyType): KeyObject {
  switch (type) {
    case 'p256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    case 'p384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    case 'ed25519':
      return generateKeyPairSync('ed25519').privateKey;
    case 'rsa3072':
      return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
    case 'rsa4096':
      return generateKeyPairSync('rsa', { modulusLength: 4096 }).privateKey;
  }
}

/** @throws ERR_KEY_MALFORMED for a key of a type that joinery does not use. */
export function keyTypeOf(key: KeyObject): KeyType {
  const details = key.asymmetricKeyDetails ?? {};
  const found = `${key.asymmetricKeyType} ${details.namedCurve ?? details.modulusLength ?? ''}`.trim();
  const types: Readonly<Record<string, KeyType>> = {
    'ec prime256v1': 'p256',
    'ec secp384r1': 'p384',
    ed25519: 'ed25519',
    'rsa 3072': 'rsa3072',
    'rsa 4096': 'rsa4096',
  };
  const type = types[found];
  if (type === undefined) {
    throw new JoineryError('ERR_KEY_MALFORMED', `expected a key of type ${Object.values(types).join(', ')}, found ${found}`);
  }
  return type;
}

/** A private key as a port: the key object stays inside. */
export function signingKey(privateKey: KeyObject): SigningKey {
  const type = keyTypeOf(privateKey);
  const hash = { p256: 'sha256', p384: 'sha384', ed25519: null, rsa3072: 'sha256', rsa4096: 'sha256' }[type];
  const elliptic = type === 'p256' || type === 'p384';
  const raw = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return {
    type,
    spki: new Uint8Array(createPublicKey(privateKey).export({ type: 'spki', format: 'der' })),
    sign: (data, encoding) => sign(hash, data, elliptic && encoding === 'ieee-p1363' ? raw : privateKey),
  };
}
