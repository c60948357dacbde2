/** Wycheproof's signatures: ECDSA in both encodings, Ed25519 and Ed448, RSA PKCS #1 v1.5 and PSS. */
import type { SignatureAlgorithm, SignatureCheck } from '../key-ports.ts';
import { parseSpki, type PublicKey } from '../x509/algorithms.ts';
import { isStrongKey } from '../x509/strength.ts';
import { SHA2, type Sha2 } from './primitives.ts';
import { bytesOf, type Shape } from './shape.ts';
import type { OpenGroup, TryVector, WycheproofGroup } from './wycheproof.ts';

export const SIGNATURE_GROUPS: Readonly<Record<string, OpenGroup>> = {
  EcdsaVerify: (given) => ecdsa(given, 'der'),
  EcdsaP1363Verify: (given) => ecdsa(given, 'ieee-p1363'),
  EddsaVerify: (given) => {
    const { kind } = keyOf(given);
    return kind === 'ed25519' || kind === 'ed448' ? verify(given, kind) : `joinery uses no keys of type ${kind}`;
  },
  RsassaPkcs1Verify: (given) => withHash(given.group, (hash) => verify(given, `rsa-${hash}`)),
  RsassaPssVerify: (given) => withHash(given.group, (hash) => pss(given, hash)),
};

const HASHES: Readonly<Record<string, Sha2>> = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' };

export function hashNamed(name: unknown): Sha2 | undefined {
  return typeof name === 'string' && Object.hasOwn(HASHES, name) ? HASHES[name] : undefined;
}

function withHash(group: Shape, open: (hash: Sha2) => TryVector | string): TryVector | string {
  const hash = hashNamed(group['sha']);
  return hash === undefined ? `joinery takes no signatures with ${String(group['sha'])}` : open(hash);
}

function spkiOf({ group, where }: WycheproofGroup): Uint8Array {
  return bytesOf(group['publicKeyDer'] ?? group['keyDer'], `${where}.publicKeyDer`);
}

function keyOf(given: WycheproofGroup): PublicKey {
  try {
    return parseSpki(spkiOf(given)).key;
  } catch {
    // The form of it is what is tried.
    return { kind: 'other', oid: 'unreadable' };
  }
}

function ecdsa(given: WycheproofGroup, encoding: SignatureCheck['encoding']): TryVector | string {
  const key = keyOf(given);
  if (key.kind === 'ec' && !isStrongKey(key)) return 'joinery takes keys on P-256, P-384 and P-521 only';
  return withHash(given.group, (hash) => verify(given, `ecdsa-${hash}`, encoding));
}

function pss(given: WycheproofGroup, hash: Sha2): TryVector | string {
  const { mgfSha, sLen, sha } = given.group;
  if (mgfSha !== sha || sLen !== SHA2[hash]) return 'joinery takes RSASSA-PSS with one hash and a salt of its length only';
  return keyOf(given).kind === 'rsa' ? verify(given, `rsa-pss-${hash}`) : 'joinery takes no keys that are marked for RSASSA-PSS';
}

function verify(given: WycheproofGroup, algorithm: SignatureAlgorithm, encoding: SignatureCheck['encoding'] = 'der'): TryVector {
  const spki = spkiOf(given);
  return (test) =>
    given.tools.verifySignature({
      algorithm,
      spki,
      data: bytesOf(test['msg'], `${given.where}.msg`),
      signature: bytesOf(test['sig'], `${given.where}.sig`),
      encoding,
    });
}
