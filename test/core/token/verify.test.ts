import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hmacSigner } from '../../../src/adapters/hmac-key.ts';
import { verifyJws } from '../../../src/adapters/jose.ts';
import { signingKey } from '../../../src/adapters/signatures.ts';
import { canonicalJson, type JsonObject } from '../../../src/core/canonical-json.ts';
import { toBase64Url, utf8 } from '../../../src/core/encoding.ts';
import { publicJwk } from '../../../src/core/jwk.ts';
import type { Instant, Seconds } from '../../../src/core/time.ts';
import type { Expectations } from '../../../src/core/token/checks.ts';
import { parseHmacKey } from '../../../src/core/token/hmac-key.ts';
import { signClaims } from '../../../src/core/token/jwt.ts';
import { signerOf, type VerificationKey, verificationKeyOf } from '../../../src/core/token/signer.ts';
import { type VerifyRules, verifyJwt } from '../../../src/core/token/verify.ts';

const NOW = 1_800_000_000 as Instant;
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signer = signerOf(signingKey(pair.privateKey));
const jwk = publicJwk(pair.publicKey.export({ type: 'spki', format: 'der' }));
const kid = signer.kid!;
const secret = parseHmacKey('a shared secret of more than 32 bytes', 'key');
const claims: JsonObject = {
  iss: 'realm',
  aud: 'prod',
  jti: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
  iat: NOW,
  exp: NOW + 900,
  role: 'worker',
};
const rules = (keys: readonly VerificationKey[] = [verificationKeyOf(jwk)]): VerifyRules => ({
  now: NOW,
  maxLifetime: 86400 as Seconds,
  keys,
  verifyJws,
});
const expected: Expectations = { cluster: 'prod' };

const b64 = (text: string) => toBase64Url(utf8(text));
/** Signs any header and payload text, as an attacker who has the key, or as a careless issuer would. */
function craft(header: string | JsonObject, payload: string | JsonObject, key: KeyObject = pair.privateKey): string {
  const text = (part: string | JsonObject) => b64(typeof part === 'string' ? part : canonicalJson(part));
  const input = `${text(header)}.${text(payload)}`;
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
const header: JsonObject = { alg: 'ES256', kid, typ: 'join+jwt' };

async function outcome(token: string, keys?: readonly VerificationKey[], expectations = expected): Promise<string> {
  return verifyJwt(token, rules(keys), expectations).then(
    () => 'accepted',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );
}

test('the token that all the others here are changes of is accepted', async () => {
  expect(await outcome(craft(header, claims))).toBe('accepted');
  expect(await outcome(craft({ alg: 'ES256', typ: 'join+jwt' }, claims))).toBe('accepted');
  const { kid: named, unchecked } = await verifyJwt(craft({ alg: 'ES256', typ: 'join+jwt' }, claims), rules(), expected);
  expect(named).toBeUndefined();
  expect(unchecked).toEqual(['issuer', 'role', 'uses', 'revocation']);
});

describe('attacks and faults of the public Wycheproof classes', () => {
  const good = craft(header, claims);
  const [protectedHeader, payload, signature] = good.split('.') as [string, string, string];
  const hmac = (input: string, key: string | Buffer) => `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
  const confused = `${b64(canonicalJson({ alg: 'HS256', kid, typ: 'join+jwt' }))}.${payload}`;
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const withHeader = (extra: JsonObject) => craft({ ...header, ...extra }, claims);

  test.each<[string, string, string]>([
    ['alg none without signature', `${b64('{"alg":"none","typ":"join+jwt"}')}.${payload}.`, 'ERR_TOKEN_ALGORITHM'],
    ['alg nOnE with the old signature', `${b64('{"alg":"nOnE"}')}.${payload}.${signature}`, 'ERR_TOKEN_ALGORITHM'],
    [
      'HS256 with the public key’s PEM as secret',
      hmac(confused, pair.publicKey.export({ type: 'spki', format: 'pem' })),
      'ERR_TOKEN_ALGORITHM',
    ],
    [
      'HS256 with the public key’s DER as secret',
      hmac(confused, pair.publicKey.export({ type: 'spki', format: 'der' })),
      'ERR_TOKEN_ALGORITHM',
    ],
    ['ES384 in the header', craft({ ...header, alg: 'ES384' }, claims), 'ERR_TOKEN_ALGORITHM'],
    ['another key under the same kid', craft(header, claims, other), 'ERR_TOKEN_SIGNATURE'],
    ['another kid', craft({ ...header, kid: 'other' }, claims), 'ERR_TOKEN_KEY_UNKNOWN'],
    ['an embedded jwk', withHeader({ jwk: { ...jwk } }), 'ERR_TOKEN_MALFORMED'],
    ['jku', withHeader({ jku: 'https://evil.example/keys' }), 'ERR_TOKEN_MALFORMED'],
    ['x5u', withHeader({ x5u: 'https://evil.example/chain' }), 'ERR_TOKEN_MALFORMED'],
    ['x5c', withHeader({ x5c: [] }), 'ERR_TOKEN_MALFORMED'],
    ['crit', withHeader({ crit: ['b64'], b64: true }), 'ERR_TOKEN_MALFORMED'],
    ['a duplicate alg', craft(`{"alg":"none","alg":"ES256","kid":"${kid}","typ":"join+jwt"}`, claims), 'ERR_TOKEN_MALFORMED'],
    ['a duplicate claim', craft(header, canonicalJson(claims).replace('{', '{"role":"control-plane",')), 'ERR_TOKEN_MALFORMED'],
    ['an alg that is no string', craft({ ...header, alg: ['ES256'] }, claims), 'ERR_TOKEN_MALFORMED'],
    ['a header that is an array', craft('["ES256"]', claims), 'ERR_TOKEN_MALFORMED'],
    ['a payload that is no object', craft(header, '"text"'), 'ERR_TOKEN_MALFORMED'],
    ['a payload that is not JSON', craft(header, 'text'), 'ERR_TOKEN_MALFORMED'],
    ['a payload that is not UTF-8', `${protectedHeader}.${toBase64Url(new Uint8Array([0xff, 0x7b]))}.${signature}`, 'ERR_TOKEN_MALFORMED'],
    ['deep nesting', craft(header, `{"x":${'['.repeat(20)}${']'.repeat(20)}}`), 'ERR_TOKEN_MALFORMED'],
    ['padding', `${good}==`, 'ERR_TOKEN_MALFORMED'],
    ['a line break', `${good}\n`, 'ERR_TOKEN_MALFORMED'],
    ['standard base64 letters', `${protectedHeader}.${payload}.+/${signature.slice(2)}`, 'ERR_TOKEN_MALFORMED'],
    ['two parts', `${protectedHeader}.${payload}`, 'ERR_TOKEN_MALFORMED'],
    ['five parts (JWE)', `${good}.x.y`, 'ERR_TOKEN_MALFORMED'],
    ['nothing', '', 'ERR_TOKEN_MALFORMED'],
    ['an empty signature', `${protectedHeader}.${payload}.`, 'ERR_TOKEN_SIGNATURE'],
    [
      'a truncated signature',
      `${protectedHeader}.${payload}.${toBase64Url(Buffer.from(signature, 'base64url').subarray(1))}`,
      'ERR_TOKEN_SIGNATURE',
    ],
    ['an all-zero signature', `${protectedHeader}.${payload}.${toBase64Url(new Uint8Array(64))}`, 'ERR_TOKEN_SIGNATURE'],
    [
      'a DER signature',
      `${protectedHeader}.${payload}.${sign('sha256', Buffer.from(`${protectedHeader}.${payload}`), pair.privateKey).toString('base64url')}`,
      'ERR_TOKEN_SIGNATURE',
    ],
    [
      'another payload',
      `${protectedHeader}.${b64(canonicalJson({ ...claims, role: 'control-plane' }))}.${signature}`,
      'ERR_TOKEN_SIGNATURE',
    ],
    ['8193 characters', good.padEnd(8193, 'A'), 'ERR_TOKEN_TOO_LARGE'],
    ['10 MB', 'A'.repeat(10_000_000), 'ERR_TOKEN_TOO_LARGE'],
    ['no typ', craft({ alg: 'ES256', kid }, claims), 'ERR_TOKEN_TYPE'],
    ['typ JWT', craft({ ...header, typ: 'JWT' }, claims), 'ERR_TOKEN_TYPE'],
    ['typ of a trust bundle', craft({ ...header, typ: 'trust-bundle+jws' }, claims), 'ERR_TOKEN_TYPE'],
    ['the wrong typ and the wrong claims', craft({ ...header, typ: 'JWT' }, {}), 'ERR_TOKEN_TYPE'],
  ])('%s', async (_, token, code) => {
    expect((await outcome(token)).split(':')[0]).toBe(code);
  });

  test('an HMAC token does not verify under a public key, nor an ES256 token under an HMAC key', async () => {
    const mac = await signClaims(hmacSigner(secret), claims as never);
    expect(await outcome(mac)).toMatch(/ERR_TOKEN_ALGORITHM: token header alg: expected ES256, found HS256/);
    expect(await outcome(good, [{ algorithm: 'HS256', secret }])).toMatch(/expected HS256, found ES256/);
    expect(await outcome(good, [])).toMatch(/expected none, as there is no key/);
    expect(await outcome(mac, [verificationKeyOf(jwk), { algorithm: 'HS256', secret }])).toBe('accepted');
  });

  test('a key without a kid is tried for every kid', async () => {
    expect(await outcome(craft({ ...header, kid: 'other' }, claims), [{ algorithm: 'ES256', jwk }])).toBe('accepted');
  });

  test('a key that is not on its curve verifies nothing', async () => {
    const off = { ...jwk, x: toBase64Url(new Uint8Array(32).fill(1)) } as typeof jwk;
    expect(await outcome(good, [{ algorithm: 'ES256', jwk: off }])).toMatch(/ERR_TOKEN_SIGNATURE/);
  });

  test('any change of one character is refused, and never as a wrong claim', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.constantFrom(...'AZaz09-_.+/= {'.split('')), async (at, character) => {
        fc.pre(good[at] !== character);
        const changed = good.slice(0, at) + character + good.slice(at + 1);
        expect(await outcome(changed)).toMatch(/^ERR_TOKEN_(MALFORMED|SIGNATURE|ALGORITHM|KEY_UNKNOWN)/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('claims of a token whose signature holds', () => {
  const wrong = (changes: JsonObject) => outcome(craft(header, { ...claims, ...changes }));

  test.each<[string, JsonObject, string]>([
    ['a jti that is no UUID v4', { jti: '3f0a3f5e-7a53-1c39-8c39-8c397a533f0a' }, 'token: jti: expected a UUID of version 4 in lower case'],
    ['no exp', { exp: undefined }, 'token: exp: expected an integer'],
    ['an exp with a fraction', { exp: NOW + 0.5 }, 'token: exp: expected an integer'],
    ['exp before iat', { exp: NOW - 1 }, 'token: expected exp after iat'],
    ['exp at nbf', { nbf: NOW + 900 }, 'token: expected exp after nbf'],
    ['an aud that is a number', { aud: 1 }, 'token: aud: expected an array'],
    ['an empty aud', { aud: [] }, 'token: aud: expected 1 to 16 items'],
    ['an aud twice', { aud: ['prod', 'prod'] }, 'token: aud: expected each cluster once'],
    ['re-entry without node', { allow_reentry: true }, 'token: allow_reentry: expected a node claim'],
    ['a pin of the wrong form', { pins: ['sha256:00'] }, 'token: pins[0]: expected sha256: and 64'],
    ['a thumbprint of the wrong form', { cnf: { jkt: 'x' } }, 'token: cnf.jkt: expected an RFC 7638 thumbprint'],
    ['an unknown confirmation', { cnf: { jwk: {} } }, 'token: cnf.jwk: unknown member'],
    ['max_uses 0', { max_uses: 0 }, 'token: max_uses: expected an integer from 1'],
    ['no role', { role: undefined }, 'token: role: expected'],
  ])('%s', async (_, changes, message) => {
    expect(await wrong(changes)).toContain(`ERR_TOKEN_CLAIMS: ${message}`);
  });

  test('unknown ones are shown and not trusted', async () => {
    const { unknown, claims: known } = await verifyJwt(craft(header, { ...claims, admin: true, sub: 'x' }), rules(), expected);
    expect(unknown).toEqual({ admin: true, sub: 'x' });
    expect(known).not.toHaveProperty('admin');
  });

  test.each<[string, JsonObject, Partial<Expectations>, string]>([
    ['another issuer', {}, { issuer: 'other' }, 'ERR_TOKEN_ISSUER: token claim iss: expected other, found realm'],
    ['another cluster', {}, { cluster: 'edge' }, 'ERR_TOKEN_AUDIENCE: token claim aud: expected edge, found prod'],
    ['a cluster that differs in case', {}, { cluster: 'PROD' }, 'ERR_TOKEN_AUDIENCE'],
    ['an issue in the future', { iat: NOW + 61 }, {}, 'ERR_TOKEN_ISSUED_LATER'],
    [
      'a life of a day and a second',
      { exp: NOW + 86401 },
      {},
      'ERR_TOKEN_LIFETIME: token claim exp: expected at most 1d after iat, found 1d 1s',
    ],
    ['another environment', { env: 'staging' }, { environment: 'control' }, 'ERR_TOKEN_ENVIRONMENT'],
    ['another role', {}, { role: 'control-plane' }, 'ERR_TOKEN_ROLE'],
    ['another node', { node: 'n1' }, { node: 'n2' }, 'ERR_TOKEN_NODE: token claim node: expected n2, found n1'],
    ['everything at once: the first in the order', { exp: NOW + 86401, node: 'n1' }, { issuer: 'other', node: 'n2' }, 'ERR_TOKEN_ISSUER'],
  ])('%s', async (_, changes, expectations, message) => {
    expect(await outcome(craft(header, { ...claims, ...changes }), undefined, { ...expected, ...expectations })).toContain(message);
  });

  test('what the token binds and the verifier was not told is reported', async () => {
    const bound = { ...claims, node: 'n1', env: 'e', cnf: { jkt: kid } };
    const told = { cluster: 'prod', issuer: 'realm', role: 'worker' };
    expect((await verifyJwt(craft(header, bound), rules(), told)).unchecked).toEqual(['environment', 'node', 'key', 'uses', 'revocation']);
    expect((await verifyJwt(craft(header, claims), rules(), { ...told, node: 'n9', keyThumbprint: 'k' })).unchecked).toEqual([
      'uses',
      'revocation',
    ]);
  });
});
