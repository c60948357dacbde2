import {
  createCipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  pbkdf2Sync,
  sign,
} from 'node:crypto';
import { CompactSign } from 'jose';
import { describe, expect, it, test } from 'vitest';
import { isWycheproof, readWycheproof } from '../../../src/core/selftest/wycheproof.ts';
import { tools, trialsOf, verdictsOf, wycheproof } from './tools.ts';

const hex = (bytes: Uint8Array | ArrayBuffer): string => Buffer.from(bytes as Uint8Array).toString('hex');
const spki = (key: KeyObject): string => hex(key.export({ type: 'spki', format: 'der' }));
const message = Buffer.from('123400');
const msg = hex(message);
const broken = (text: string): string => `${text.slice(0, -2)}${text.endsWith('00') ? '01' : '00'}`;

/** A valid and an invalid vector, and one that may be either. */
const three = (test: object, member: string): object[] => {
  const bad = { ...test, [member]: broken((test as Record<string, string>)[member] as string) };
  return [
    { ...test, result: 'valid' },
    { ...bad, result: 'invalid' },
    { ...bad, result: 'acceptable' },
  ];
};
const AGREE = ['agree', 'agree', 'agree'];

describe('signatures', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  test.each(['der', 'ieee-p1363'] as const)('ECDSA in %s', async (dsaEncoding) => {
    const type = dsaEncoding === 'der' ? 'EcdsaVerify' : 'EcdsaP1363Verify';
    const group = { type, sha: 'SHA-256', publicKeyDer: spki(p256.publicKey) };
    const tests = three({ msg, sig: hex(sign('sha256', message, { key: p256.privateKey, dsaEncoding })) }, 'sig');
    expect(await verdictsOf(wycheproof(group, tests, 'ECDSA'))).toEqual(AGREE);
    // The older format.
    expect(await verdictsOf(wycheproof({ ...group, publicKeyDer: undefined, keyDer: group.publicKeyDer }, tests))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ ...group, sha: 'SHA-224' }, tests))).toEqual(['skipped', 'skipped', 'skipped']);
    expect(await verdictsOf(wycheproof({ ...group, sha: 1 }, tests))).toEqual(['skipped', 'skipped', 'skipped']);
    const odd = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const [first] = await trialsOf(wycheproof({ ...group, publicKeyDer: spki(odd.publicKey) }, tests));
    expect(first?.found).toEqual({ kind: 'skipped', reason: 'joinery takes keys on P-256, P-384 and P-521 only' });
    expect(await verdictsOf(wycheproof({ ...group, publicKeyDer: '30' }, [{ msg, sig: '', result: 'invalid' }]))).toEqual(['agree']);
  });

  test.each(['ed25519', 'ed448'] as const)('%s', async (type) => {
    const pair = generateKeyPairSync(type as 'ed25519');
    const group = { type: 'EddsaVerify', publicKeyDer: spki(pair.publicKey) };
    expect(await verdictsOf(wycheproof(group, three({ msg, sig: hex(sign(null, message, pair.privateKey)) }, 'sig')))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ ...group, publicKeyDer: spki(rsa.publicKey) }, [{ msg, sig: '', result: 'valid' }]))).toEqual([
      'skipped',
    ]);
  });

  test('RSA', async () => {
    const group = { sha: 'SHA-384', mgfSha: 'SHA-384', sLen: 48, publicKeyDer: spki(rsa.publicKey) };
    const pkcs1 = three({ msg, sig: hex(sign('sha384', message, rsa.privateKey)) }, 'sig');
    expect(await verdictsOf(wycheproof({ ...group, type: 'RsassaPkcs1Verify' }, pkcs1))).toEqual(AGREE);
    const pss = three({ msg, sig: hex(sign('sha384', message, { key: rsa.privateKey, padding: 6, saltLength: 48 })) }, 'sig');
    expect(await verdictsOf(wycheproof({ ...group, type: 'RsassaPssVerify' }, pss))).toEqual(AGREE);
    for (const change of [{ sLen: 20 }, { mgfSha: 'SHA-1' }, { sha: 'SHA-1' }])
      expect(await verdictsOf(wycheproof({ ...group, type: 'RsassaPssVerify', ...change }, pss))).toEqual([
        'skipped',
        'skipped',
        'skipped',
      ]);
    const marked = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
    const other = { ...group, type: 'RsassaPssVerify', publicKeyDer: spki(marked.publicKey) };
    expect(await verdictsOf(wycheproof(other, pss))).toEqual(['skipped', 'skipped', 'skipped']);
  });
});

describe('secrets', () => {
  const key = Buffer.alloc(32, 7);
  const skippedOnce = ['skipped'];

  test('MACs, whole and cut', async () => {
    const tag = createHmac('sha256', key).update(message).digest();
    const vector = (octets: number) => three({ key: hex(key), msg, tag: hex(tag.subarray(0, octets)) }, 'tag');
    for (const octets of [32, 16])
      expect(await verdictsOf(wycheproof({ type: 'MacTest', tagSize: octets * 8 }, vector(octets), 'HMACSHA256'))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ type: 'MacTest', tagSize: 128 }, [{ result: 'valid' }], 'AES-CMAC'))).toEqual(skippedOnce);
  });

  test('derivations', async () => {
    const okm = hex(hkdfSync('sha256', key, key, message, 42));
    const hkdf = three({ ikm: hex(key), salt: hex(key), info: msg, size: 42, okm }, 'okm');
    expect(await verdictsOf(wycheproof({ type: 'HkdfTest' }, hkdf, 'HKDF-SHA-256'))).toEqual(AGREE);
    const long = { ikm: hex(key), salt: '', info: '', size: 8161, okm: '', result: 'invalid' };
    expect(await verdictsOf(wycheproof({ type: 'HkdfTest' }, [long], 'HKDF-SHA-256'))).toEqual(['agree']);
    expect(await verdictsOf(wycheproof({ type: 'HkdfTest' }, [long], 'HKDF-SHA-1'))).toEqual(skippedOnce);
    const dk = hex(pbkdf2Sync(key, message, 2, 20, 'sha512'));
    const pbkdf2 = three({ password: hex(key), salt: msg, iterationCount: 2, dkLen: 20, dk }, 'dk');
    expect(await verdictsOf(wycheproof({ type: 'PbkdfTest' }, pbkdf2, 'PBKDF2-HMACSHA512'))).toEqual(AGREE);
    const endless = { ...pbkdf2[0], iterationCount: 2 ** 31 };
    expect(await verdictsOf(wycheproof({ type: 'PbkdfTest' }, [endless], 'PBKDF2-HMACSHA512'))).toEqual(skippedOnce);
    expect(await verdictsOf(wycheproof({ type: 'PbkdfTest' }, [long], 'PBKDF2-HMACSHA1'))).toEqual(skippedOnce);
  });

  test('encryption', async () => {
    const iv = Buffer.alloc(12, 3);
    const sizes = { type: 'AeadTest', ivSize: 96, tagSize: 128, keySize: 256 };
    for (const [algorithm, name] of [
      ['AES-GCM', 'aes-256-gcm'],
      ['CHACHA20-POLY1305', 'chacha20-poly1305'],
    ] as const) {
      const cipher = createCipheriv(name as 'aes-256-gcm', key, iv, { authTagLength: 16 });
      const ct = Buffer.concat([cipher.update(message), cipher.final()]);
      const tests = three({ key: hex(key), iv: hex(iv), aad: '', msg, ct: hex(ct), tag: hex(cipher.getAuthTag()) }, 'tag');
      expect(await verdictsOf(wycheproof(sizes, tests, algorithm))).toEqual(AGREE);
    }
    expect(await verdictsOf(wycheproof({ ...sizes, ivSize: 64 }, [{ result: 'valid' }], 'AES-GCM'))).toEqual(skippedOnce);
    expect(await verdictsOf(wycheproof(sizes, [{ result: 'valid' }], 'AES-EAX'))).toEqual(skippedOnce);
    const cbc = createCipheriv('aes-256-cbc', key, Buffer.alloc(16));
    const ct = hex(Buffer.concat([cbc.update(message), cbc.final()]));
    const tests = three({ key: hex(key), iv: hex(Buffer.alloc(16)), msg, ct }, 'ct');
    expect(await verdictsOf(wycheproof({ type: 'IndCpaTest' }, tests, 'AES-CBC-PKCS5'))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ type: 'IndCpaTest' }, [{ result: 'valid' }], 'ARIA-CBC-PKCS5'))).toEqual(skippedOnce);
  });

  test('agreements', async () => {
    const [own, other] = [generateKeyPairSync('x25519'), generateKeyPairSync('x25519')];
    const raw = (key_: KeyObject, member: 'd' | 'x') => hex(Buffer.from(key_.export({ format: 'jwk' })[member] as string, 'base64url'));
    const shared = hex(diffieHellman({ privateKey: own.privateKey, publicKey: other.publicKey }));
    const tests = three({ private: raw(own.privateKey, 'd'), public: raw(other.publicKey, 'x'), shared }, 'shared');
    expect(await verdictsOf(wycheproof({ type: 'XdhComp', curve: 'curve25519' }, tests, 'XDH'))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ type: 'XdhComp', curve: 'curve448' }, [{ result: 'valid' }], 'XDH'))).toEqual(skippedOnce);
    const [a, b] = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ec', { namedCurve: 'P-256' })];
    const jwks = { private: a.privateKey.export({ format: 'jwk' }), public: b.publicKey.export({ format: 'jwk' }) };
    const secret = hex(diffieHellman({ privateKey: a.privateKey, publicKey: createPublicKey(b.privateKey) }));
    const ecdh = three({ ...jwks, shared: secret }, 'shared');
    expect(await verdictsOf(wycheproof({ type: 'EcdhWebcryptoTest', curve: 'P-256' }, ecdh, 'ECDH'))).toEqual(AGREE);
    expect(await verdictsOf(wycheproof({ type: 'EcdhWebcryptoTest', curve: 'P-384' }, [{ result: 'valid' }], 'ECDH'))).toEqual(skippedOnce);
  });
});

describe('JSON Web Signatures', async () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = pair.publicKey.export({ format: 'jwk' });
  const jws = await new CompactSign(message).setProtectedHeader({ alg: 'ES256' }).sign(pair.privateKey);
  const group = { type: 'JsonWebSignature', public: { ...jwk, alg: 'ES256' } };
  const changed = `${jws.slice(0, -4)}AAAA`;

  it('are read as token verify --signature-only reads them', async () => {
    const tests = [
      { jws, result: 'valid' },
      { jws: changed, result: 'invalid' },
      { jws: jws.slice(0, -2), result: 'valid' },
      { jws: { payload: 'x' }, result: 'invalid' },
      { jws: `${jws}=`, result: 'valid' },
    ];
    expect(await verdictsOf(wycheproof(group, tests))).toEqual(['agree', 'agree', 'disagree', 'agree', 'stricter']);
    expect(await verdictsOf(wycheproof({ type: 'JsonWebKey', private: { keys: [jwk] } }, tests.slice(0, 2)))).toEqual(['agree', 'agree']);
  });

  it('are refused with keys that cannot be used', async () => {
    const tests = [
      { jws, result: 'invalid' },
      { jws: changed, result: 'valid' },
    ];
    expect(await verdictsOf(wycheproof({ type: 'JsonWebKey', public: { ...jwk, use: 'enc' } }, tests))).toEqual(['agree', 'stricter']);
    expect(await verdictsOf(wycheproof({ type: 'JsonWebKey' }, tests))).toEqual(['agree', 'stricter']);
  });

  it('are skipped where the suite asks for what joinery does not do, or contradicts itself', async () => {
    const tests = [
      { jws, result: 'valid' },
      { jws, result: 'invalid' },
      { jwe: 'x', result: 'valid' },
      { jws: '{}', result: 'invalid', flags: ['JsonSerialization'] },
      { jws: changed, result: 'invalid', flags: undefined },
    ];
    expect(await verdictsOf(wycheproof(group, tests))).toEqual(['skipped', 'skipped', 'skipped', 'skipped', 'agree']);
    expect(await verdictsOf(wycheproof({ ...group, type: 'JsonWebEncryption' }, [{ jwe: 'x', result: 'valid' }]))).toEqual(['skipped']);
  });

  it('let errors through that are none of joinery', async () => {
    const failing = { ...tools, verifyJws: () => Promise.reject(new Error('a bug')) };
    const [trial] = readWycheproof(wycheproof(group, [{ jws, result: 'valid' }]), 'test', failing);
    // A refusal of a valid vector that no rule explains.
    expect((await trial?.run())?.found).toEqual({ kind: 'refused', reason: 'does not hold', documented: false });
  });
});

describe('documents', () => {
  it('are told by their form', () => {
    expect([{ testGroups: [] }, { testGroups: 1 }, null, 'x'].map(isWycheproof)).toEqual([true, false, false, false]);
  });

  it('of other types are skipped', async () => {
    const [trial] = await trialsOf(wycheproof({ type: 'PrimalityTest' }, [{ value: '02', result: 'acceptable' }]));
    expect(trial).toMatchObject({ id: 'tc1', expected: 'either', found: { kind: 'skipped', reason: 'joinery uses no PrimalityTest' } });
    expect(await verdictsOf(wycheproof({ type: 'toString' }, [{ result: 'valid' }]))).toEqual(['skipped']);
    expect(await verdictsOf(wycheproof({ type: 'AeadTest', ivSize: 96, tagSize: 128, curve: 'x' }, [{ result: 'valid' }]))).toEqual([
      'skipped',
    ]);
  });

  it.each([
    ['groups that are none', { testGroups: [1] }],
    ['a group without type', wycheproof({}, [])],
    ['a group without tests', { testGroups: [{ type: 'MacTest', tagSize: 8 }] }],
    ['a test without number', wycheproof({ type: 'Other' }, [{ tcId: 'x', result: 'valid' }])],
    ['a test without result', wycheproof({ type: 'Other' }, [{}])],
    ['a result that is none, which would agree with every answer', wycheproof({ type: 'Other' }, [{ result: 'Valid' }])],
    ['flags that are none', wycheproof({ type: 'Other' }, [{ flags: [1], result: 'valid' }])],
    ['a MAC without size', wycheproof({ type: 'MacTest' }, [], 'HMACSHA256')],
  ])('are refused with %s', (_, document) => {
    expect(() => readWycheproof(document, 'test', tools)).toThrow(expect.objectContaining({ code: 'ERR_CORPUS_MALFORMED' }) as Error);
  });

  it('are refused with vectors that are not in hex', async () => {
    const tests = [{ key: 'zz', msg, tag: '', result: 'invalid' }];
    await expect(trialsOf(wycheproof({ type: 'MacTest', tagSize: 0 }, tests, 'HMACSHA256'))).rejects.toMatchObject({
      code: 'ERR_CORPUS_MALFORMED',
    });
  });
});
