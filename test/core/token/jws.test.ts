import { createHmac, generateKeyPairSync, randomBytes } from 'node:crypto';
import { CompactSign, FlattenedSign, GeneralSign } from 'jose';
import { describe, expect, test } from 'vitest';
import { verifyJws } from '../../../src/adapters/jose.ts';
import { decodeUtf8 } from '../../../src/core/encoding.ts';
import { JWS_ALGORITHMS, type JwsAlgorithm, parseAnyJwks } from '../../../src/core/token/jws-keys.ts';
import { verifyAnyJws } from '../../../src/core/token/jws.ts';

const payload = Buffer.from('any payload');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pairs = {
  EC256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EC384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  EC512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed: generateKeyPairSync('ed25519'),
};
const oct = randomBytes(64);
const pairOf = (alg: JwsAlgorithm) =>
  alg.startsWith('ES') ? pairs[`EC${alg.slice(2)}` as 'EC256'] : alg.startsWith('Ed') ? pairs.Ed : rsa;
const isMac = (alg: JwsAlgorithm) => alg.startsWith('HS');
const privateKey = (alg: JwsAlgorithm) => (isMac(alg) ? oct : pairOf(alg).privateKey);
const jwkOf = (alg: JwsAlgorithm): Record<string, unknown> =>
  isMac(alg) ? { kty: 'oct', k: oct.toString('base64url') } : (pairOf(alg).publicKey.export({ format: 'jwk' }) as Record<string, unknown>);
const sign = (alg: JwsAlgorithm, header: object = {}) =>
  new CompactSign(payload).setProtectedHeader({ alg, ...header }).sign(privateKey(alg));

async function outcome(text: string, jwks: unknown, algorithms: readonly JwsAlgorithm[] = JWS_ALGORITHMS): Promise<string> {
  try {
    const verified = await verifyAnyJws(text, { keys: parseAnyJwks(JSON.stringify(jwks), 'keys.json'), algorithms, verifyJws });
    expect(decodeUtf8(verified.payload)).toBe('any payload');
    return verified.algorithm;
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
}

test.each(JWS_ALGORITHMS)('%s by jose holds, under its own key and algorithm only', async (alg) => {
  const text = await sign(alg, { kid: 'k', typ: 'anything', jku: 'https://evil.example' });
  expect(await outcome(text, { keys: [jwkOf(alg)] })).toBe(alg);
  expect(await outcome(text, jwkOf(alg))).toBe(alg);
  expect(await outcome(text, { keys: [{ ...jwkOf(alg), kid: 'k', alg, use: 'sig', key_ops: ['verify'] }] })).toBe(alg);
  expect(await outcome(text, { keys: [{ ...jwkOf(alg), kid: 'other' }] })).toMatch(/^ERR_TOKEN_KEY_UNKNOWN: .* with the kid of its header/);
  expect(
    await outcome(
      text,
      jwkOf(alg),
      JWS_ALGORITHMS.filter((other) => other !== alg),
    ),
  ).toMatch(/^ERR_TOKEN_ALGORITHM/);
  const [header, , signature] = text.split('.');
  expect(await outcome(`${header}.${Buffer.from('other').toString('base64url')}.${signature}`, jwkOf(alg))).toMatch(/^ERR_TOKEN_SIGNATURE/);
  const another = alg === 'ES256' ? 'ES384' : 'ES256';
  expect(await outcome(text, { keys: [jwkOf(another)] })).toMatch(/^ERR_TOKEN_KEY_UNKNOWN/);
  for (const wrong of [{ use: 'enc' }, { key_ops: ['sign'] }, { key_ops: 'verify' }, { alg: another }]) {
    expect(await outcome(text, { keys: [{ ...jwkOf(alg), ...wrong }] })).toMatch(
      /^ERR_KEY_MALFORMED: keys.json: expected a key for verifying/,
    );
  }
});

describe('the classes of the public vectors:', () => {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const unsigned = (header: string) => `${encode(header)}.${encode('any payload')}`;

  test('alg none, and alg confusion with the public key as HMAC secret', async () => {
    expect(await outcome(`${unsigned('{"alg":"none"}')}.`, jwkOf('RS256'))).toMatch(/^ERR_TOKEN_ALGORITHM: .*found "none"/);
    expect(await outcome(`${unsigned('{}')}.`, jwkOf('RS256'))).toMatch(/^ERR_TOKEN_ALGORITHM: .*found null/);
    const input = unsigned('{"alg":"HS256"}');
    for (const format of ['pem', 'der'] as const) {
      const mac = createHmac('sha256', rsa.publicKey.export({ type: 'spki', format } as never))
        .update(input)
        .digest('base64url');
      expect(await outcome(`${input}.${mac}`, jwkOf('RS256'))).toMatch(/^ERR_TOKEN_KEY_UNKNOWN/);
    }
  });

  test('an embedded jwk is not obeyed', async () => {
    const thief = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = thief.publicKey.export({ format: 'jwk' });
    const text = await new CompactSign(payload).setProtectedHeader({ alg: 'ES256', jwk: jwk as never }).sign(thief.privateKey);
    expect(await outcome(text, jwkOf('ES256'))).toMatch(/^ERR_TOKEN_SIGNATURE/);
  });

  test('crit, b64, duplicate members, padding, other encodings and sizes', async () => {
    const good = await sign('ES256');
    const [header, body, signature] = good.split('.') as [string, string, string];
    const malformed = [
      `${unsigned('{"alg":"ES256","crit":["exp"],"exp":1}')}.${signature}`,
      `${unsigned('{"alg":"ES256","b64":false}')}.${signature}`,
      `${unsigned('{"alg":"none","alg":"ES256"}')}.${signature}`,
      `${unsigned('["ES256"]')}.${signature}`,
      `${unsigned('ES256')}.${signature}`,
      `${good}=`,
      ` ${good}`,
      `${good}\n`,
      `${header}=.${body}.${signature}`,
      `${header}.${body}==.${signature}`,
      `${header}.${body}`,
      `${good}.`,
      '',
      '{}',
      '{',
    ];
    for (const text of malformed) expect(await outcome(text, jwkOf('ES256'))).toMatch(/^ERR_TOKEN_MALFORMED/);
    expect(await outcome('x'.repeat(1024 * 1024 + 1), jwkOf('ES256'))).toMatch(/^ERR_TOKEN_TOO_LARGE/);
  });

  test('keys that are too small, malformed, of unknown types and curves', async () => {
    const text = await sign('ES256');
    const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const unusable = [
      small,
      { kty: 'oct', k: 'c2hvcnQ' },
      { kty: 'AKP' },
      { kty: 'EC', crv: 'secp256k1' },
      { kty: 'EC', crv: 1 },
      { kty: 'EC', crv: 'toString' },
    ];
    for (const jwk of unusable) expect(await outcome(text, jwk)).toMatch(/^ERR_KEY_MALFORMED: keys.json: expected a key for verifying/);
    const { x, y } = jwkOf('ES256') as { x: string; y: string };
    expect(await outcome(text, { kty: 'OKP', crv: 'P-256', x, y })).toMatch(
      /^ERR_KEY_MALFORMED: keys.json: keys\[0\]: expected kty EC for this crv/,
    );
    expect(await outcome(text, { kty: 'EC', crv: 'P-384', x, y })).toMatch(/expected x of 48 bytes/);
    expect(await outcome(text, { kty: 'EC', crv: 'P-256', x })).toMatch(/expected y in base64url/);
    expect(await outcome(text, { kty: 'EC', crv: 'P-256', x, y: `${y}=` })).toMatch(/^ERR_ENCODING_MALFORMED/);
    expect(await outcome(text, { keys: 1 })).toMatch(/expected keys as an array/);
    expect(await outcome(text, { keys: ['x'] })).toMatch(/expected an object/);
    expect(await outcome(text, { keys: [small, jwkOf('ES384'), jwkOf('ES256')] })).toBe('ES256');
    expect(await outcome(text, pairs.EC256.privateKey.export({ format: 'jwk' }))).toBe('ES256');
  });

  test('sets in which a key could be taken for another', async () => {
    const text = await sign('ES256', { kid: 'a' });
    const [p256, p384, mac] = [jwkOf('ES256'), jwkOf('ES384'), jwkOf('HS256')];
    const set = (...keys: object[]) => outcome(text, { keys });
    expect(await set({ ...p256, kid: 'a' }, { ...p384, kid: 'a' })).toMatch(/^ERR_KEY_MALFORMED: keys.json: expected each kid once/);
    expect(await set({ ...p256, kid: 'a' }, { ...p384, kid: 'b' }, { ...jwkOf('RS256'), kid: 'a' })).toBe('ES256');
    expect(await set({ ...p256, kid: 'a' }, { ...mac, kid: 'b' })).toMatch(/expected public keys only, or shared secrets only/);
    // Keys for other things are not looked at.
    expect(await set({ ...p256, kid: 'a' }, { ...mac, kid: 'a', use: 'enc' })).toBe('ES256');
  });

  test('RSA keys that everybody can sign with', async () => {
    const text = await sign('RS256');
    const { n } = jwkOf('RS256') as { n: string };
    for (const e of ['AQ', 'AAAB', 'AQAA', ''])
      expect(await outcome(text, { kty: 'RSA', n, e })).toMatch(
        e === 'AAAB' ? /ERR_TOKEN_SIGNATURE/ : /expected e that is odd and above 1/,
      );
    // A power of 65537 modulo every small prime, as the weak generator's are.
    const weak = 65537n ** 128n;
    const octets = Buffer.from(weak.toString(16).padStart(514, '0'), 'hex').toString('base64url');
    expect(await outcome(text, { kty: 'RSA', n: octets, e: 'AQAB' })).toMatch(/expected n of primes that cannot be found/);
  });
});

describe('JSON serializations', () => {
  const flattened = () =>
    new FlattenedSign(payload).setProtectedHeader({ alg: 'ES256' }).setUnprotectedHeader({ kid: 'k' }).sign(pairs.EC256.privateKey);
  const general = () =>
    new GeneralSign(payload)
      .addSignature(pairs.EC256.privateKey)
      .setProtectedHeader({ alg: 'ES256' })
      .addSignature(rsa.privateKey)
      .setProtectedHeader({ alg: 'PS256' })
      .sign();

  test('hold when every signature holds', async () => {
    expect(await outcome(JSON.stringify(await flattened()), { keys: [{ ...jwkOf('ES256'), kid: 'k' }] })).toBe('ES256');
    expect(await outcome(JSON.stringify(await flattened()), { keys: [{ ...jwkOf('ES256'), kid: 'other' }] })).toMatch(
      /^ERR_TOKEN_KEY_UNKNOWN/,
    );
    const both = JSON.stringify(await general());
    expect(await outcome(both, { keys: [jwkOf('ES256'), jwkOf('PS256')] })).toBe('ES256');
    expect(await outcome(both, { keys: [jwkOf('ES256')] })).toMatch(/^ERR_TOKEN_KEY_UNKNOWN/);
  });

  test('are refused where they are ambiguous', async () => {
    const one = await flattened();
    const many = await general();
    const bad = [
      { ...one, header: { alg: 'ES256' } },
      { ...one, header: { crit: ['x'] } },
      { ...one, protected: Buffer.from('{"alg":"ES256","kid":"a"}').toString('base64url') },
      { ...one, header: 'x' },
      { ...one, protected: undefined },
      { ...one, signature: 1 },
      { ...one, payload: undefined },
      { ...many, signature: one.signature },
      { ...many, signatures: [] },
      { ...many, signatures: 'x' },
      { ...many, signatures: ['x'] },
      { ...many, signatures: Array.from({ length: 17 }, () => many.signatures[0]) },
    ];
    for (const document of bad) expect(await outcome(JSON.stringify(document), jwkOf('ES256'))).toMatch(/^ERR_TOKEN_MALFORMED/);
  });
});
