import { describe, expect, test } from 'vitest';
import { canonicalJson, type JsonObject } from '../../../src/core/canonical-json.ts';
import { digestOf, pinOf } from '../../../src/core/digest.ts';
import { toBase64, toBase64Url, utf8 } from '../../../src/core/encoding.ts';
import { digestOfToken, explainToken } from '../../../src/core/token/explain.ts';

const hash = digestOf(utf8('ca'));
const claims: JsonObject = {
  iss: 'realm',
  aud: 'prod',
  jti: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
  iat: 1795341600,
  exp: 1795342500,
  role: 'worker',
};
const jwt = (header: JsonObject, extra: JsonObject = {}) =>
  `${toBase64Url(utf8(canonicalJson(header)))}.${toBase64Url(utf8(canonicalJson({ ...claims, ...extra })))}.AAAA`;

describe('a jwt', () => {
  test('is said to be what it is', () => {
    expect(explainToken(jwt({ alg: 'ES256', kid: 'k', typ: 'join+jwt' }))).toMatchObject({
      format: 'jwt',
      what: 'a signed join token (ES256, key k) of realm',
      id: claims['jti'],
      pins: [],
      grants: 'joining prod as worker',
      until: '2026-11-22T10:15:00Z (from 2026-11-22T10:00:00Z, 15m)',
      uses: 'once',
      misuse: ['whoever holds a copy first, under any name that the policy allows'],
    });
  });

  test('with every binding says so', () => {
    const extra = {
      aud: ['edge', 'prod'],
      env: 'control',
      node: 'n1',
      allow_reentry: true,
      max_uses: 3,
      pins: [pinOf(utf8('spki'))],
      trust: { 'node-cert-lifecycle': hash },
      urls: ['https://a.example'],
      admin: true,
    };
    const told = explainToken(jwt({ alg: 'HS256' }, extra));
    expect(told.grants).toBe(
      'joining edge or prod in environment control as worker, as node n1 only, again too if it was there before, at https://a.example',
    );
    expect(told.pins).toEqual([
      expect.stringContaining('SubjectPublicKeyInfo'),
      expect.stringContaining(`${hash}: SHA-256 of the canonical trust manifest for node-cert`),
    ]);
    expect(told.uses).toBe('3 times');
    expect(told.misuse).toEqual([
      'whoever holds a copy first, in the name of node n1',
      'whoever verifies it has the shared secret and can mint such tokens too',
    ]);
    expect(told.toCheck.at(-1)).toBe('nothing about the unknown claim admin: it is not trusted');
    const bound = explainToken(jwt({ alg: 'ES256' }, { node: 'n1', cnf: { jkt: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k' } }));
    expect(bound.misuse[0]).toMatch(/^nobody without the private key kPrK/);
    expect(bound.grants).toBe('joining prod as worker, as node n1 only');
  });

  test('that is none is refused as such', () => {
    expect(() => explainToken('x')).toThrow(/expected 3 parts/);
    expect(() => explainToken(jwt({ alg: 'ES256' }, { role: 1 }))).toThrow(/token: role/);
  });
});

test('an omnirelay token is read without its key', () => {
  const payload =
    '{"tokenId":"3F0A3F5E-7a53-4c39-8c39-8c397a533f0a","clusterId":"Relay-1","role":"r","issuedAt":"2026-11-22T10:00:00Z",' +
    '"expiresAt":"2026-11-22T11:00:00Z","maxUses":null,"issuer":"omnirelay-cli"}';
  expect(explainToken(`${toBase64(utf8(payload))}.AAAA`)).toMatchObject({
    format: 'omnirelay',
    what: 'an OmniRelay bootstrap token of omnirelay-cli',
    id: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
    grants: 'joining Relay-1 as r',
    uses: 'without limit',
  });
});

test('the tokens that are secrets say what they pin, over which bytes, and that the rest is in the realm', () => {
  const secure = explainToken(`${'ab'.repeat(32)}:${hash}`);
  expect(secure).toMatchObject({ format: 'secure', grants: 'the realm’s record of it: the token itself does not say' });
  expect(secure.pins).toEqual([`${hash}: SHA-256 of the DER of the CA certificate that must anchor the server’s path`]);
  expect(secure.id).toBe(digestOf(Buffer.from('ab'.repeat(32), 'hex')));
  const k3s = explainToken(`K10${hash}::server:password`);
  expect(k3s).toMatchObject({ format: 'k3s', what: 'a K3s token of user server', id: digestOf(utf8('password')) });
  expect(k3s.pins[0]).toMatch(/literal PEM bytes/);
  expect(k3s.toCheck).toHaveLength(3);
  expect(explainToken(`K10${hash}::node:password`).toCheck).toHaveLength(2);
  expect(explainToken(`K10${hash}::abcdef.0123456789abcdef`)).toMatchObject({ what: 'a K3s bootstrap token', id: 'abcdef' });
  expect(explainToken('abcdef.0123456789abcdef')).toMatchObject({ format: 'kubeadm', id: 'abcdef', pins: [] });
  expect(digestOfToken('abcdef.0123456789abcdef')).toBe(digestOf(utf8('abcdef.0123456789abcdef')));
});
