import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  dnsName,
  isCorrelationId,
  isDnsName,
  isName,
  isTrustDomain,
  isUuid,
  name,
  nearest,
  parseName,
  trustDomain,
  uuidV4,
} from '../../src/core/names.ts';
import { parseDocument } from '../../src/core/parse.ts';
import { fakeRandom } from '../fakes/random.ts';

test.each(['a', 'platform_control', 'n-1.example', 'A'.repeat(63)])('%s is a name', (text) => {
  expect(parseName(text, '--cluster')).toBe(text);
  expect(parseDocument(name(), text, 'doc')).toBe(text);
});

test.each(['', '.', '..', 'a/b', 'a b', 'ä', 'a\n', 'A'.repeat(64), '$(x)'])('%j is no name', (text) => {
  expect(isName(text)).toBe(false);
  expect(() => parseName(text, '--cluster')).toThrow(expect.objectContaining({ code: 'ERR_INPUT_MALFORMED' }));
  expect(() => parseDocument(name(), text, 'doc')).toThrow(expect.objectContaining({ code: 'ERR_INPUT_MALFORMED' }));
});

test('DNS names, trust domains, correlation ids', () => {
  expect(['a.example', 'xn--bcher-kva.example', '1.2'].map(isDnsName)).toEqual([true, true, true]);
  expect(['', 'A.example', '-a', 'a-', 'a..b', 'a.', `${'a'.repeat(64)}.b`, `${'a.'.repeat(127)}aa`].map(isDnsName)).toEqual(
    Array(8).fill(false),
  );
  expect(parseDocument(dnsName(), 'a.example', 'doc')).toBe('a.example');
  expect(['td.example', 'a_b'].map(isTrustDomain)).toEqual([true, true]);
  expect(['', 'TD', 'a/b', 'a'.repeat(256)].map(isTrustDomain)).toEqual([false, false, false, false]);
  expect(parseDocument(trustDomain(), 'a_b', 'doc')).toBe('a_b');
  expect(['run-1:2', '', 'a b'].map(isCorrelationId)).toEqual([true, false, false]);
});

test('a UUID has its version and variant', () => {
  fc.assert(
    fc.property(fc.string(), (seed) => {
      expect(uuidV4(fakeRandom(seed))).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }),
  );
  expect(isUuid(uuidV4(fakeRandom()))).toBe(true);
  expect(isUuid('x')).toBe(false);
});

test('the nearest known name is found, a far one is not', () => {
  const known = ['token mint', 'token verify', 'trust publish'];
  expect(nearest('token mnt', known)).toBe('token mint');
  expect(nearest('tokn verfy', known)).toBe('token verify');
  expect(nearest('package', known)).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
  expect(nearest('abcdef', ['abcdeg', 'abcdxx', 'abcdef'])).toBe('abcdef');
});
