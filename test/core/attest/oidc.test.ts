import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { verifyJws } from '../../../src/adapters/jose.ts';
import { type KeySource, keySource } from '../../../src/core/attest/key-source.ts';
import { oidcAttestor } from '../../../src/core/attest/oidc.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import { parseAnyJwks } from '../../../src/core/token/jws-keys.ts';
import { fakeClock } from '../../fakes/clock.ts';
import { type Instant, plus } from '../../../src/core/time.ts';
import { attest, ec, jws, NOW, OTHER_SPKI, outcomeOf, pemOf, rsa } from './attest-world.ts';

const ISSUER = 'https://issuer.example';
const good = rsa();
const other = rsa();
const curve = ec();
const jwk = (key: typeof good.publicKey, kid: string): JsonObject => ({ ...(key.export({ format: 'jwk' }) as JsonObject), kid });
const set = (...keys: JsonObject[]): string => JSON.stringify({ keys });
const fixed = (text: string): KeySource => {
  const keys = parseAnyJwks(text, 'jwks');
  return { keys: () => Promise.resolve(keys), newerThan: () => Promise.resolve(undefined) };
};
const options = {
  name: 'ci',
  issuer: ISSUER,
  audiences: ['joinery-prod'],
  verifyJws,
  keys: fixed(set(jwk(good.publicKey, 'k1'), jwk(curve.publicKey, 'k2'))),
};
const attestor = oidcAttestor(options);
const claims = { iss: ISSUER, aud: 'joinery-prod', iat: NOW - 5, exp: NOW + 300, jti: 'j1', sub: 'repo:a/b', nested: { a: 1 } };
const header = { alg: 'RS256', kid: 'k1', typ: 'JWT' };
const token = (change: JsonObject = {}, head: JsonObject = header): string => jws(good.privateKey, head, { ...claims, ...change });
const unsigned = (head: JsonObject): string => token().replace(/^[^.]+/, Buffer.from(JSON.stringify(head)).toString('base64url'));

describe('oidc', () => {
  it('lets pass what the issuer says, under the name of the configuration', async () => {
    const verified = await attest(attestor, { token: token() });
    expect(verified).toMatchObject({ provider: 'ci', issuedAt: NOW - 5, claims: { sub: 'repo:a/b', nested: { a: 1 } } });
    // From then on it is refused, however long evidence may be old.
    const until = verified.replayableUntil as Instant;
    const patient = oidcAttestor({ ...options, maxAge: 1e9 });
    expect((await attest(patient, { token: token() }, { now: plus(until, -1) })).replayableUntil).toBe(until);
    await expect(attest(patient, { token: token() }, { now: until })).rejects.toMatchObject({ code: 'ERR_ATTESTATION_STALE' });
    const some = oidcAttestor({ ...options, claims: ['sub', 'toString'] });
    expect((await attest(some, { token: token() })).claims).toEqual({ sub: 'repo:a/b' });
  });

  test.each<[string, string, string]>([
    ['by another key type of the set', jws(curve.privateKey, { alg: 'ES256', kid: 'k2' }, claims), 'ok'],
    ['with a list of audiences', token({ aud: ['x', 'joinery-prod'] }), 'ok'],
    ['without kid', token({}, { alg: 'RS256' }), 'ok'],
    ['with times in fractions', token({ exp: NOW + 1.5, iat: NOW - 0.5, nbf: NOW - 1 }), 'ok'],
    ['expired', token({ exp: NOW - 61 }), 'ERR_ATTESTATION_STALE evidence: exp'],
    ['issued in the future', token({ iat: NOW + 61 }), 'ERR_ATTESTATION_STALE evidence: iat'],
    ['not valid yet', token({ nbf: NOW + 61 }), 'ERR_ATTESTATION_STALE evidence: nbf'],
    ['issued too long ago', token({ iat: NOW - 661 }), 'ERR_ATTESTATION_STALE evidence: iat: expected at most 10m ago'],
    ['without iat', token({ iat: undefined }), 'ERR_ATTESTATION_FAILED evidence: claims: expected exp and iat'],
    ['without exp', token({ exp: undefined }), 'ERR_ATTESTATION_FAILED evidence: claims: expected exp and iat'],
    ['with a time that is none', token({ exp: '1' }), 'ERR_ATTESTATION_FAILED evidence: exp'],
    ['with a time before 1970', token({ exp: -1 }), 'ERR_ATTESTATION_FAILED evidence: exp'],
    ['of another issuer', token({ iss: 'https://issuer.example/' }), 'ERR_ATTESTATION_FAILED evidence: iss'],
    ['of no issuer', token({ iss: undefined }), 'ERR_ATTESTATION_FAILED evidence: iss: expected "https://issuer.example", found none'],
    ['for another audience', token({ aud: 'joinery' }), 'ERR_ATTESTATION_FAILED evidence: aud'],
    ['for other audiences', token({ aud: [1, 'x'] }), 'ERR_ATTESTATION_FAILED evidence: aud'],
    ['for no audience', token({ aud: undefined }), 'ERR_ATTESTATION_FAILED evidence: aud'],
    ['by another key', jws(other.privateKey, header, claims), 'ERR_ATTESTATION_FAILED evidence: token: JWS: expected a signature'],
    [
      'by an unknown key',
      jws(other.privateKey, { ...header, kid: 'k9' }, claims),
      'ERR_ATTESTATION_FAILED evidence: token: JWS: expected a key',
    ],
    ['with alg none', unsigned({ alg: 'none' }), 'ERR_ATTESTATION_FAILED evidence: token: JWS header alg'],
    [
      'with an alg that the issuer does not use',
      token({}, { alg: 'RS512', kid: 'k1' }),
      'ERR_ATTESTATION_FAILED evidence: token: JWS header alg',
    ],
    [
      'with RS256 signed and ES256 said',
      unsigned({ alg: 'ES256', kid: 'k1' }),
      'ERR_ATTESTATION_FAILED evidence: token: JWS: expected a key for ES256',
    ],
    [
      'with ES256 signed and RS256 said',
      jws(curve.privateKey, { alg: 'ES256', kid: 'k2' }, claims).replace(
        /^[^.]+/,
        Buffer.from('{"alg":"RS256","kid":"k2"}').toString('base64url'),
      ),
      'ERR_ATTESTATION_FAILED evidence: token: JWS: expected a key for RS256',
    ],
    [
      'with a changed claim',
      token().replace(/\.[^.]+\./, `.${Buffer.from(JSON.stringify({ ...claims, sub: 'x' })).toString('base64url')}.`),
      'ERR_ATTESTATION_FAILED evidence: token: JWS: expected a signature',
    ],
    ['with crit', token({}, { ...header, crit: ['x'] }), 'ERR_ATTESTATION_MALFORMED evidence: token: JWS'],
    ['without its signature', token().replace(/[^.]+$/, ''), 'ERR_ATTESTATION_MALFORMED evidence: token'],
    ['without its signature part', token().replace(/\.[^.]+$/, ''), 'ERR_ATTESTATION_MALFORMED evidence: token'],
    ['of no JSON', jws(good.privateKey, header, 'x'), 'ERR_ATTESTATION_MALFORMED evidence: claims'],
    ['of a list', jws(good.privateKey, header, []), 'ERR_ATTESTATION_MALFORMED evidence: claims'],
    [
      'with a member twice',
      jws(good.privateKey, header, `{"iss":"x","iss":"${ISSUER}"}`),
      'ERR_ATTESTATION_MALFORMED evidence: claims: expected each member once',
    ],
    [
      'with a header member twice',
      `${Buffer.from('{"alg":"none","alg":"RS256"}').toString('base64url')}.e30.e30`,
      'ERR_ATTESTATION_MALFORMED evidence: token',
    ],
    ['that is too large', token({ sub: 'x'.repeat(20000) }), 'ERR_ATTESTATION_MALFORMED evidence: token'],
  ])('%s', async (_name, text, expected) => {
    expect(await outcomeOf(attestor, { token: text })).toContain(expected);
  });

  test('HS256 with the public key as secret', async () => {
    const text = `${Buffer.from('{"alg":"HS256","kid":"k1"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    const forged = `${text}.${createHmac('sha256', pemOf(good.publicKey)).update(text).digest('base64url')}`;
    expect(await outcomeOf(attestor, { token: forged })).toContain('ERR_ATTESTATION_FAILED evidence: token: JWS header alg');
    // Even where the set of the issuer has a symmetric key; beside public ones it is not read at all.
    expect(() => fixed(set({ kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url') }, jwk(good.publicKey, 'k2')))).toThrow(
      'public keys only',
    );
    const secret = { kty: 'oct', k: Buffer.alloc(32, 1).toString('base64url'), kid: 'k1' };
    const careless = oidcAttestor({ ...options, keys: fixed(set(secret)) });
    expect(await outcomeOf(careless, { token: forged })).toContain('ERR_ATTESTATION_FAILED evidence: token: JWS header alg');
  });

  it('is remembered by jti, or by all that was signed', async () => {
    const digests = await Promise.all(
      [token(), token({ iat: NOW - 6 }), token({ jti: undefined }), token({ jti: '' }), token({ jti: undefined, sub: 'y' })].map(
        async (text) => (await attest(attestor, { token: text })).digest,
      ),
    );
    expect(digests[0]).toBe(digests[1]);
    expect(new Set(digests).size).toBe(4);
    // A second valid signature over the same words is the same evidence.
    const es = [0, 1].map(() => jws(curve.privateKey, { alg: 'ES256', kid: 'k2' }, { ...claims, jti: undefined }));
    expect(es[0]).not.toBe(es[1]);
    const [one, two] = await Promise.all(es.map((text) => attest(attestor, { token: text }, { csrSpki: OTHER_SPKI })));
    expect(one?.digest).toBe(two?.digest);
  });

  it('reads any evidence or refuses it by a code', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.dictionary(fc.string(), fc.jsonValue()),
          fc.record({
            token: fc.oneof(
              fc.string(),
              fc.tuple(fc.base64String(), fc.base64String(), fc.base64String()).map((parts) => parts.join('.').replaceAll(/[+/=]/g, '')),
            ),
          }),
        ),
        async (evidence) => {
          expect(await outcomeOf(attestor, evidence as JsonObject)).toMatch(/^ERR_ATTESTATION_(MALFORMED|FAILED) /);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('does not hide a bug', async () => {
    const broken = oidcAttestor({ ...options, verifyJws: () => Promise.reject(new Error('a bug')) });
    await expect(attest(broken, { token: token() })).rejects.toThrow('a bug');
  });
});

describe('keys of an issuer', () => {
  const world = () => {
    const clock = fakeClock('2026-11-22T10:00:00Z');
    const state = { text: set(jwk(good.publicKey, 'k1')), loads: 0, fail: false as boolean | 'bug' };
    const source = keySource({
      what: 'https://issuer.example/jwks',
      clock,
      load: () => {
        state.loads++;
        if (state.fail === 'bug') return Promise.reject(new Error('down'));
        return state.fail ? Promise.reject(new JoineryError('ERR_ATTESTATION_UNAVAILABLE', 'down')) : Promise.resolve(state.text);
      },
    });
    const rotating = oidcAttestor({ ...options, keys: source, maxAge: 1_000_000 });
    return { clock, state, source, attest: (text: string) => outcomeOf(rotating, { token: text }) };
  };
  const byOther = jws(other.privateKey, { ...header, kid: 'k9' }, claims);

  it('are kept, and got again once for a key that is not among them, and not again at once', async () => {
    const { clock, state, attest: ask } = world();
    expect(await Promise.all([ask(token()), ask(token())])).toEqual(['ok', 'ok']);
    expect(state.loads).toBe(1);
    clock.advance(31);
    expect(await Promise.all([ask(byOther), ask(byOther)])).toEqual([expect.stringContaining('FAILED'), expect.stringContaining('FAILED')]);
    expect(state.loads).toBe(2);
    state.text = set(jwk(other.publicKey, 'k9'));
    // Too soon: invented key ids must not make this server ask the issuer again and again.
    for (let index = 0; index < 20; index++) expect(await ask(byOther)).toContain('FAILED');
    expect(state.loads).toBe(2);
    clock.advance(31);
    expect(await ask(byOther)).toBe('ok');
    expect(state.loads).toBe(3);
    expect(await ask(token())).toContain('FAILED');
  });

  it('are got again when the issuer has another under the same id', async () => {
    const { clock, state, attest: ask } = world();
    expect(await ask(token())).toBe('ok');
    state.text = set(jwk(other.publicKey, 'k1'));
    clock.advance(31);
    expect(await ask(jws(other.privateKey, header, claims))).toBe('ok');
  });

  it('that someone else has got meanwhile serve too', async () => {
    const { clock, state, source } = world();
    const before = await source.keys();
    clock.advance(31);
    state.text = set(jwk(other.publicKey, 'k9'));
    const after = await source.newerThan(before);
    expect(await source.newerThan(before)).toBe(after);
    expect(state.loads).toBe(2);
  });

  it('stay for a day where the issuer is down, and are got again after an hour', async () => {
    const { clock, state, source } = world();
    const first = await source.keys();
    clock.advance(3600);
    state.fail = true;
    expect(await source.keys()).toBe(first);
    clock.advance(86400);
    await expect(source.keys()).rejects.toMatchObject({
      code: 'ERR_ATTESTATION_UNAVAILABLE',
      message: expect.stringContaining('down') as string,
    });
    state.fail = false;
    // As asked for half a minute ago at most.
    await expect(source.keys()).rejects.toMatchObject({ code: 'ERR_ATTESTATION_UNAVAILABLE' });
    clock.advance(31);
    expect(await source.keys()).toHaveLength(1);
  });

  it('that are none are said to be', async () => {
    const { state, source } = world();
    state.fail = 'bug';
    await expect(source.keys()).rejects.toThrow('keys of the issuer: expected a JWK set, found none');
    const many = keySource({
      what: 'f',
      clock: fakeClock('2026-11-22T10:00:00Z'),
      load: () => Promise.resolve(set(...Array.from({ length: 101 }, (_, index) => jwk(good.publicKey, `k${index}`)))),
    });
    await expect(many.keys()).rejects.toThrow('expected at most 100 keys, found 101');
  });
});
