import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redact, redactText } from '../../src/core/redact.ts';

const hex = (length: number) => 'ab12'.repeat(length / 4);

const SECRETS: readonly (readonly [string, string])[] = [
  ['a private key', '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----'],
  ['a private key that was cut', '-----BEGIN EC PRIVATE KEY-----\nMIGH'],
  ['a JWS', 'eyJhbGciOiJFUzI1NiJ9.eyJqdGkiOiIxIn0.c2ln'],
  ['a JWE', 'eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVy.dGFn'],
  ['a secure token', `${hex(64)}:${hex(64)}`],
  ['a K3s token', `K10${hex(64)}::server:password`],
  ['an OmniRelay token', `${Buffer.from(JSON.stringify({ tokenId: 'x'.repeat(40) })).toString('base64')}.${'A'.repeat(43)}=`],
  ['a kubeadm token', 'abcdef.0123456789abcdef'],
];

describe('redactText', () => {
  test.each(SECRETS)('replaces %s wherever it stands', (_name, secret) => {
    expect(redactText(`found ${secret}`)).toBe('found [redacted]');
    expect(redactText(`"${secret}" was found`)).not.toContain(secret.slice(0, 30));
  });

  test('leaves ids, digests, names and times alone', () => {
    for (const text of [
      hex(64),
      'spiffe://control.example/prod/worker/n-1',
      'node-1.prod.example.internal',
      '2026-11-22T10:00:00Z',
      'c-1:2',
    ])
      expect(redactText(text)).toBe(text);
  });
});

describe('redact', () => {
  test('replaces members that are secrets by name, at any depth, and keeps ids of tokens', () => {
    const fields = {
      token: 'x',
      token_id: 'id-1',
      reason: 'none',
      count: 2,
      absent: undefined,
      nested: [{ 'x-authorization': 'y', passphrase: 'z', fine: true }, null, SECRETS[2]?.[1] as string],
    };
    expect(redact(fields)).toEqual({
      token: '[redacted]',
      token_id: 'id-1',
      reason: 'none',
      count: 2,
      absent: undefined,
      nested: [{ 'x-authorization': '[redacted]', passphrase: '[redacted]', fine: true }, null, '[redacted]'],
    });
  });

  test('takes any JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>), (fields) => {
        expect(Object.keys(redact(fields)).toSorted()).toEqual(Object.keys(fields).toSorted());
      }),
      { numRuns: 100 },
    );
  });
});
