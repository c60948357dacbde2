import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { signedDigestAttestor } from '../../../src/core/attest/signed-digest.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import { attest, ec, file, jws, NOW, openssl, OTHER_SPKI, outcomeOf, pemOf, rsa, spkiOf } from './attest-world.ts';

const DIGEST = createHash('sha256').update('an image').digest('hex');
const keys = { p256: ec(), p384: ec('P-384'), p521: ec('P-521'), rsa: rsa(), ed25519: generateKeyPairSync('ed25519') };
const stranger = ec();
const spkis = Object.values(keys).map(({ publicKey }) => parseSpki(spkiOf(publicKey)));
const ed448 = parseSpki(spkiOf(generateKeyPairSync('ed448').publicKey));
const options = { name: 'images', keys: [ed448, parseSpki(spkiOf(ec('secp256k1').publicKey)), ...spkis], verifySignature };
const attestor = signedDigestAttestor(options);

const detached = (key: KeyObject, header: JsonObject, digest = DIGEST): string => jws(key, header, digest).replace(/\.[^.]*\./, '..');
const plain = (key: KeyObject, hash: string | null, dsaEncoding: 'der' | 'ieee-p1363' = 'der'): string =>
  sign(hash, Buffer.from(DIGEST), { key, dsaEncoding }).toString('base64');

describe('signed-digest', () => {
  test.each<[string, () => Buffer]>([
    ['dgst with P-256', () => openssl(['dgst', '-sha256', '-sign', file('p256.pem', pemOf(keys.p256.privateKey))], DIGEST)],
    ['dgst with P-384', () => openssl(['dgst', '-sha384', '-sign', file('p384.pem', pemOf(keys.p384.privateKey))], DIGEST)],
    ['dgst with P-384 and SHA-256', () => openssl(['dgst', '-sha256', '-sign', file('p384.pem', pemOf(keys.p384.privateKey))], DIGEST)],
    ['dgst with RSA', () => openssl(['dgst', '-sha256', '-sign', file('rsa.pem', pemOf(keys.rsa.privateKey))], DIGEST)],
    [
      'pkeyutl with Ed25519',
      () =>
        openssl(['pkeyutl', '-sign', '-rawin', '-inkey', file('ed.pem', pemOf(keys.ed25519.privateKey)), '-in', file('digest', DIGEST)]),
    ],
  ])('takes what openssl %s makes', async (_name, make) => {
    const verified = await attest(attestor, { digest: DIGEST, signature: make().toString('base64') });
    // Its age is unknown, which no maxEvidenceAge of a policy lets pass.
    expect(verified).toMatchObject({ provider: 'images', issuedAt: 0, claims: { digest: DIGEST } });
  });

  test.each<[string, JsonObject]>([
    ['ECDSA as two numbers', { signature: plain(keys.p256.privateKey, 'sha256', 'ieee-p1363') }],
    ['ES256', { jws: detached(keys.p256.privateKey, { alg: 'ES256' }) }],
    ['ES384', { jws: detached(keys.p384.privateKey, { alg: 'ES384' }) }],
    ['ES512', { jws: detached(keys.p521.privateKey, { alg: 'ES512' }) }],
    ['RS512', { jws: detached(keys.rsa.privateKey, { alg: 'RS512' }) }],
    ['EdDSA', { jws: detached(keys.ed25519.privateKey, { alg: 'EdDSA', kid: 'x' }) }],
  ])('takes %s', async (_name, evidence) => {
    expect(await outcomeOf(attestor, { digest: DIGEST, ...evidence })).toBe('ok');
  });

  test.each<[string, JsonObject, string]>([
    ['by another key', { signature: plain(stranger.privateKey, 'sha256') }, 'ERR_ATTESTATION_FAILED evidence: signature'],
    [
      'over another digest',
      { signature: plain(keys.p256.privateKey, 'sha256'), digest: 'a'.repeat(64) },
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    ['with SHA-1', { signature: plain(keys.rsa.privateKey, 'sha1') }, 'ERR_ATTESTATION_FAILED evidence: signature'],
    ['that is missing', {}, 'ERR_ATTESTATION_MALFORMED evidence: expected jws or signature'],
    ['that is there twice', { signature: 'AAAA', jws: 'a..b' }, 'ERR_ATTESTATION_MALFORMED evidence: expected jws or signature'],
    ['that is empty', { signature: '' }, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    ['that is no base64', { signature: '~' }, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    ['that is too large', { signature: 'A'.repeat(5000) }, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    ['over no digest', { signature: 'AAAA', digest: DIGEST.toUpperCase() }, 'ERR_ATTESTATION_MALFORMED evidence: digest'],
    [
      'of a JWS over another digest',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256' }, 'a'.repeat(64)) },
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    ['of a JWS by another key', { jws: detached(stranger.privateKey, { alg: 'ES256' }) }, 'ERR_ATTESTATION_FAILED evidence: signature'],
    [
      'of a JWS without its signature',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256' }).replace(/[^.]*$/, '') },
      'ERR_ATTESTATION_MALFORMED evidence: jws',
    ],
    ['of a JWS with its payload', { jws: jws(keys.p256.privateKey, { alg: 'ES256' }, DIGEST) }, 'ERR_ATTESTATION_MALFORMED evidence: jws'],
    [
      'of a JWS with alg none',
      { jws: `${Buffer.from('{"alg":"none"}').toString('base64url')}..AAAA` },
      'ERR_ATTESTATION_FAILED evidence: alg',
    ],
    [
      'of a JWS with alg of Object',
      { jws: `${Buffer.from('{"alg":"toString"}').toString('base64url')}..AAAA` },
      'ERR_ATTESTATION_FAILED evidence: alg',
    ],
    ['of a JWS without alg', { jws: 'e30..AAAA' }, 'ERR_ATTESTATION_FAILED evidence: jws: expected alg'],
    ['of a JWS with a list as header', { jws: 'W10..AAAA' }, 'ERR_ATTESTATION_FAILED evidence: jws: expected alg'],
    [
      'of a JWS with crit',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256', crit: ['b64'] }) },
      'ERR_ATTESTATION_FAILED evidence: jws: expected a header without crit',
    ],
    [
      'of a JWS with b64',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256', b64: false }) },
      'ERR_ATTESTATION_FAILED evidence: jws: expected a header without crit',
    ],
    [
      'of a JWS with a member twice',
      { jws: `${Buffer.from('{"alg":"ES256","alg":"ES256"}').toString('base64url')}..AAAA` },
      'ERR_ATTESTATION_MALFORMED evidence: jws',
    ],
    [
      'of a JWS that says RS256 under an EC key',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256' }).replace(/^[^.]+/, Buffer.from('{"alg":"RS256"}').toString('base64url')) },
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    [
      'of a JWS that says another curve',
      { jws: detached(keys.p384.privateKey, { alg: 'ES256' }) },
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    [
      'of a JWS of the future',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256', iat: NOW + 61 }) },
      'ERR_ATTESTATION_STALE evidence: iat',
    ],
    ['of a JWS of no time', { jws: detached(keys.p256.privateKey, { alg: 'ES256', iat: 'now' }) }, 'ERR_ATTESTATION_FAILED evidence: iat'],
    [
      'of a JWS of half a second',
      { jws: detached(keys.p256.privateKey, { alg: 'ES256', iat: 1.5 }) },
      'ERR_ATTESTATION_FAILED evidence: iat',
    ],
  ])('refuses a signature %s', async (_name, evidence, expected) => {
    expect(await outcomeOf(attestor, { digest: DIGEST, ...evidence })).toContain(expected);
  });

  test('HS256 with a public key as secret', async () => {
    const header = Buffer.from('{"alg":"HS256"}').toString('base64url');
    const tag = createHmac('sha256', pemOf(keys.rsa.publicKey))
      .update(`${header}.${Buffer.from(DIGEST).toString('base64url')}`)
      .digest('base64url');
    expect(await outcomeOf(attestor, { digest: DIGEST, jws: `${header}..${tag}` })).toContain('ERR_ATTESTATION_FAILED evidence: alg');
  });

  it('holds against the digests and the age that are configured', async () => {
    const evidence = { digest: DIGEST, jws: detached(keys.p256.privateKey, { alg: 'ES256', iat: NOW - 100 }) };
    expect((await attest(attestor, evidence)).issuedAt).toBe(NOW - 100);
    const other = signedDigestAttestor({ ...options, digests: ['a'.repeat(64)] });
    expect(await outcomeOf(other, evidence)).toContain('ERR_ATTESTATION_FAILED evidence: digest: expected one that is configured');
    expect(await outcomeOf(signedDigestAttestor({ ...options, digests: [DIGEST], maxAge: 100 }), evidence)).toBe('ok');
    const young = signedDigestAttestor({ ...options, maxAge: 10 });
    expect(await outcomeOf(young, evidence)).toContain('ERR_ATTESTATION_STALE evidence: iat');
    expect(await outcomeOf(young, { digest: DIGEST, signature: plain(keys.p256.privateKey, 'sha256') })).toContain(
      'expected a JWS with iat',
    );
  });

  it('counts for every node that runs the image, or once', async () => {
    const evidence = { digest: DIGEST, signature: plain(keys.p256.privateKey, 'sha256') };
    const twice = async (of: typeof attestor) => [await attest(of, evidence), await attest(of, evidence, { csrSpki: OTHER_SPKI })];
    const digests = async (of: typeof attestor) => new Set((await twice(of)).map((verified) => verified.digest)).size;
    const once = signedDigestAttestor({ ...options, singleUse: true });
    expect([await digests(attestor), await digests(once)]).toEqual([2, 1]);
    // What only one key could replay need not be remembered; what counts once is remembered for ever.
    expect([await twice(attestor), await twice(once)].flat().map(({ replayableUntil }) => replayableUntil)).toEqual([
      NOW,
      NOW,
      undefined,
      undefined,
    ]);
  });

  it('reads any evidence or refuses it by a code', async () => {
    const part = fc.base64String().map((text) => text.replaceAll(/[+/=]/g, ''));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.dictionary(fc.string(), fc.jsonValue()),
          fc.record({ digest: fc.constant(DIGEST), jws: fc.tuple(part, part).map(([a, b]) => `${a}..${b}`) }),
          fc.record({ digest: fc.constant(DIGEST), signature: fc.base64String() }),
        ),
        async (evidence) => {
          expect(await outcomeOf(attestor, evidence as JsonObject)).toMatch(/^ERR_ATTESTATION_(MALFORMED|FAILED) /);
        },
      ),
      { numRuns: 200 },
    );
  });
});
