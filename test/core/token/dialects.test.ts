import { createHash, createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { digestOf, fingerprintOf } from '../../../src/core/digest.ts';
import { toHex, utf8 } from '../../../src/core/encoding.ts';
import { type Instant, LAST_INSTANT } from '../../../src/core/time.ts';
import { detectFormat } from '../../../src/core/token/format.ts';
import { formatK3s, generateK3s, k3sCaHash, parseK3s } from '../../../src/core/token/k3s.ts';
import { formatKubeadm, generateKubeadm, parseKubeadm, randomText } from '../../../src/core/token/kubeadm.ts';
import { grantOfOmnirelay, openOmnirelay, type OmnirelayToken, signOmnirelay } from '../../../src/core/token/omnirelay.ts';
import { formatSecure, generateSecure, parseSecure } from '../../../src/core/token/secure.ts';
import { testCa } from '../../fakes/anchors.ts';
import { fakeRandom } from '../../fakes/random.ts';

const reason = (read: () => unknown): string => {
  try {
    read();
    return 'accepted';
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};
const fingerprint = fingerprintOf(utf8('ca'));
const seeds = fc.string({ maxLength: 8 });

describe('secure tokens', () => {
  test('are hex of 32 bytes, a colon and the hash of the CA certificate, and read back', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const token = generateSecure(fakeRandom(seed), fingerprint);
        const text = formatSecure(token);
        expect(text).toMatch(/^[0-9a-f]{64}:[0-9a-f]{64}$/);
        expect(parseSecure(text)).toEqual(token);
        expect(detectFormat(text)).toBe('secure');
      }),
      { numRuns: 30 },
    );
  });

  test('split at the first colon, and nothing else is one', () => {
    const secret = 'ab'.repeat(16);
    expect(reason(() => parseSecure(`${secret}:${fingerprint}`))).toBe('accepted');
    for (const text of [
      '',
      secret,
      fingerprint,
      `${secret}:`,
      `${secret}:${fingerprint}:`,
      `${secret}::${fingerprint}`,
      `${secret}:${fingerprint.toUpperCase()}`,
    ]) {
      expect(reason(() => parseSecure(text))).toMatch(/^ERR_TOKEN_MALFORMED: secure token: expected hex, a colon/);
    }
    for (const bad of ['', 'ab', 'AB'.repeat(16), `${secret}a`, 'xy'.repeat(16), 'ab'.repeat(65)]) {
      expect(reason(() => parseSecure(`${bad}:${fingerprint}`))).toMatch(/^ERR_TOKEN_MALFORMED: secure token: expected a secret/);
    }
  });
});

describe('kubeadm tokens', () => {
  test('have six and sixteen of a-z 0-9, and read back', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const token = generateKubeadm(fakeRandom(seed));
        const text = formatKubeadm(token);
        expect(text).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
        expect(parseKubeadm(text)).toEqual(token);
        expect(detectFormat(text)).toBe('kubeadm');
      }),
      { numRuns: 30 },
    );
    for (const text of [
      '',
      'abcdef',
      'abcdef.0123456789abcde',
      'Abcdef.0123456789abcdef',
      'abcdef.0123456789abcdef0',
      'abcdef:0123456789abcdef',
    ]) {
      expect(reason(() => parseKubeadm(text))).toMatch(/^ERR_TOKEN_MALFORMED: kubeadm token/);
    }
  });

  test('favour no letter: bytes from 252 on are thrown away', () => {
    const bytes = [255, 252, 0, 251, 36, 254, 35];
    let at = 0;
    const random = { bytes: (length: number) => Uint8Array.from({ length }, () => bytes[at++ % bytes.length] as number) };
    expect(randomText(random, 4)).toBe('a9a9');
    const counts = new Map<string, number>();
    for (const letter of randomText(fakeRandom(), 36_000).split('')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(36);
    expect(Math.min(...counts.values())).toBeGreaterThan(850);
    expect(Math.max(...counts.values())).toBeLessThan(1150);
  });
});

describe('k3s tokens', () => {
  const caHash = digestOf(utf8('ca'));

  test('have K10, the hash, and a user with a password or a bootstrap token, and read back', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom('node', 'server'), (seed, user) => {
        const token = generateK3s(fakeRandom(seed), caHash, user);
        expect(formatK3s(token)).toMatch(new RegExp(`^K10${caHash}::${user}:[0-9a-f]{32}$`));
        expect(parseK3s(formatK3s(token))).toEqual(token);
        expect(detectFormat(formatK3s(token))).toBe('k3s');
      }),
      { numRuns: 30 },
    );
    expect(generateK3s(fakeRandom(), caHash).credential).toMatchObject({ user: 'node' });
    const bootstrap = { caHash, credential: { id: 'abcdef', secret: '0123456789abcdef' } };
    expect(formatK3s(bootstrap)).toBe(`K10${caHash}::abcdef.0123456789abcdef`);
    expect(parseK3s(formatK3s(bootstrap))).toEqual(bootstrap);
    expect(parseK3s(`K10${caHash}::server:a:b`).credential).toEqual({ user: 'server', password: 'a:b' });
  });

  test('of another form are refused', () => {
    for (const text of ['', 'K10', `K11${caHash}::node:x`, `K10${caHash}:node:x`, `K10${caHash.slice(1)}::node:x`, `K10${caHash}::`]) {
      expect(reason(() => parseK3s(text))).toMatch(/^ERR_TOKEN_MALFORMED: k3s token: expected K10/);
    }
    for (const rest of [':x', 'node:', 'no de:x', 'node:pass word']) {
      expect(reason(() => parseK3s(`K10${caHash}::${rest}`))).toMatch(/^ERR_TOKEN_MALFORMED: k3s token: expected a user/);
    }
    expect(reason(() => parseK3s(`K10${caHash}::password`))).toMatch(/^ERR_TOKEN_MALFORMED: kubeadm token/);
  });

  test('hash the literal bytes of one certificate, and the root of several', async () => {
    const root = await testCa('root');
    const intermediate = await testCa('intermediate', { issuer: root });
    const smuggled = await testCa('root');
    const hash = (pem: string) => k3sCaHash(pem, verifySignature);
    expect(hash(root.pem)).toBe(createHash('sha256').update(root.pem).digest('hex'));
    expect(hash(`${root.pem}\n`)).not.toBe(hash(root.pem));
    expect(hash(intermediate.pem + root.pem)).toBe(root.certificate.fingerprint);
    expect(hash(root.pem + smuggled.pem)).toBe(root.certificate.fingerprint);
    expect(hash(intermediate.pem + smuggled.pem + root.pem)).toBe(root.certificate.fingerprint);
    expect(reason(() => hash(intermediate.pem + smuggled.pem))).toMatch(/^ERR_INPUT_MALFORMED: CA file: expected a root/);
    expect(reason(() => hash('nothing here'))).toMatch(/^ERR_INPUT_MALFORMED: CA file: expected a certificate, found none/);
    expect(reason(() => hash('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'))).toMatch(/^ERR_CERTIFICATE_MALFORMED/);
  });
});

describe('omnirelay tokens', () => {
  const key = 'the shared signing key';
  const mac = (data: Uint8Array) => createHmac('sha256', key).update(data).digest();
  const token: OmnirelayToken = {
    tokenId: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
    clusterId: 'Relay-1',
    role: 'dispatcher',
    issuedAt: 1_795_341_600 as Instant,
    expiresAt: 1_795_345_200 as Instant,
    maxUses: 1,
    issuer: 'omnirelay-bootstrap',
  };
  const signed = (payload: string) =>
    `${Buffer.from(payload).toString('base64')}.${createHmac('sha256', key).update(payload).digest('base64')}`;
  const text =
    '{"tokenId":"3f0a3f5e-7a53-4c39-8c39-8c397a533f0a","clusterId":"Relay-1","role":"dispatcher",' +
    '"issuedAt":"2026-11-22T10:00:00+00:00","expiresAt":"2026-11-22T11:00:00+00:00","maxUses":1,"issuer":"omnirelay-bootstrap"}';
  const outcome = (candidate: string) =>
    openOmnirelay(candidate, mac).then(
      () => 'accepted',
      (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
    );

  test('are these bytes exactly', async () => {
    expect(await signOmnirelay(token, mac)).toBe(signed(text));
    expect(await openOmnirelay(signed(text), mac)).toEqual(token);
    expect(detectFormat(signed(text))).toBe('omnirelay');
  });

  test('read back, whatever they say', async () => {
    const times = fc.integer({ min: 0, max: LAST_INSTANT - 86400 });
    await fc.assert(
      fc.asyncProperty(fc.uuid(), seeds, times, fc.option(fc.integer({ min: 1, max: 99 })), async (tokenId, role, issued, maxUses) => {
        const other = { ...token, tokenId, role: `r${role}`, issuedAt: issued as Instant, expiresAt: (issued + 3600) as Instant, maxUses };
        expect(await openOmnirelay(await signOmnirelay(other, mac), mac)).toEqual(other);
      }),
      { numRuns: 50 },
    );
  });

  test('of the service itself are read: fractions, offsets, escapes, upper-case GUID, no limit', async () => {
    const theirs = text
      .replace('10:00:00+00:00', '10:00:00.1234567\\u002B00:00')
      .replace('11:00:00+00:00', '12:30:00+01:30')
      .replace('3f0a3f5e', '3F0A3F5E')
      .replace('"maxUses":1', '"maxUses":null');
    const read = await openOmnirelay(signed(theirs), mac);
    expect(read).toEqual({ ...token, tokenId: token.tokenId.replace('3f0a3f5e', '3F0A3F5E'), maxUses: null });
    expect(grantOfOmnirelay(read)).toMatchObject({ id: token.tokenId, clusters: ['relay-1'], maxUses: null, expiresAt: token.expiresAt });
    expect((await openOmnirelay(signed(text.replace('10:00:00+00:00', '09:00:00-01:00')), mac)).issuedAt).toBe(token.issuedAt);
    expect((await openOmnirelay(signed(text.replace('10:00:00+00:00', '10:00:00Z')), mac)).issuedAt).toBe(token.issuedAt);
  });

  test('are refused with the texts of the service', async () => {
    const [payload, signature] = signed(text).split('.') as [string, string];
    expect(await outcome('')).toBe('ERR_TOKEN_MALFORMED: omnirelay token: Token was not provided.');
    expect(await outcome(payload)).toBe('ERR_TOKEN_MALFORMED: omnirelay token: Token format is invalid.');
    expect(await outcome(`${payload}.${signature}.x`)).toBe('ERR_TOKEN_MALFORMED: omnirelay token: Token format is invalid.');
    expect(await outcome(`${payload}.${signature.replace('=', '')}`)).toBe(
      'ERR_TOKEN_MALFORMED: omnirelay token: Token encoding is not valid Base64.',
    );
    expect(await outcome(`${payload}.${Buffer.alloc(32).toString('base64')}`)).toBe(
      'ERR_TOKEN_SIGNATURE: omnirelay token: Token signature mismatch.',
    );
    expect(await outcome('A'.repeat(8193))).toMatch(/^ERR_TOKEN_TOO_LARGE/);
    const unreadable = [
      'text',
      '{}',
      text.replace('"role"', '"role":"x","role"'),
      text.replace('dispatcher"', 'dispatcher","admin":true,"x":"'),
      text.replace('2026-11-22T10', '2026-02-30T10'),
      text.replace('2026-11-22T10:00:00+00:00', 'yesterday'),
      text.replace('"maxUses":1', '"maxUses":0'),
    ];
    for (const bad of unreadable)
      expect(await outcome(signed(bad))).toBe('ERR_TOKEN_CLAIMS: omnirelay token: Token payload could not be parsed.');
  });
});

test('what has none of the shapes is taken for a jwt, whose parser says what is wrong', () => {
  for (const text of ['', 'a.b.c', 'eyJ.eyJ.x', 'x'.repeat(9000), `${toHex(new Uint8Array(9000))}:00`])
    expect(detectFormat(text)).toBe('jwt');
});
