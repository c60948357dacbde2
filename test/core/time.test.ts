import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatDuration,
  formatInstant,
  fromCivil,
  instant,
  type Instant,
  isInstant,
  LAST_INSTANT,
  parseDuration,
  parseInstant,
  plus,
  seconds,
  toCivil,
} from '../../src/core/time.ts';

const anyInstant = fc.integer({ min: 0, max: LAST_INSTANT }).map((value) => value as Instant);

test('an instant is written as Date writes it and read back', () => {
  fc.assert(
    fc.property(anyInstant, (at) => {
      expect(formatInstant(at)).toBe(new Date(at * 1000).toISOString().replace('.000Z', 'Z'));
      expect(parseInstant(formatInstant(at))).toBe(at);
      expect(fromCivil(toCivil(at))).toBe(at);
    }),
  );
});

test.each([
  '2026-02-29T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-01T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:60Z',
  '1969-12-31T23:59:59Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00.0Z',
  '2026-01-01T00:00:00+00:00',
  '2026-1-1T0:0:0Z',
  '',
  'now',
])('%s is no instant', (text) => {
  expect(parseInstant(text)).toBeUndefined();
});

test('leap days are known', () => {
  expect(parseInstant('2024-02-29T12:00:00Z')).toBe(1709208000);
  expect(parseInstant('2000-02-29T00:00:00Z')).toBe(951782400);
  expect(parseInstant('2100-02-29T00:00:00Z')).toBeUndefined();
});

test('an instant is an integer from 1970 to 9999', () => {
  expect(instant(0)).toBe(0);
  for (const value of [-1, 0.5, Number.NaN, LAST_INSTANT + 1]) {
    expect(isInstant(value)).toBe(false);
    expect(() => instant(value)).toThrow('not an instant');
  }
  expect(seconds(-5)).toBe(-5);
  expect(() => seconds(0.5)).toThrow('not a duration');
});

test('moving an instant stays inside what can be written', () => {
  expect(plus(instant(10), 5)).toBe(15);
  expect(plus(instant(10), -50)).toBe(0);
  expect(plus(LAST_INSTANT, 1)).toBe(LAST_INSTANT);
});

test.each([
  ['90s', 90],
  ['15m', 900],
  ['24h', 86400],
  ['30d', 2592000],
  ['2w', 1209600],
  ['10y', 315360000],
  ['1h30m', 5400],
])('%s is %i seconds', (text, expected) => {
  expect(parseDuration(text)).toBe(expected);
});

test.each(['', '15', 'm', '-5m', '0s', '1.5h', '15 m', '15M', '999999999y', '9999999999s'])('%s is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [900, '15m'],
  [90061, '1d 1h'],
  [-3600, '-1h'],
  [31536000, '1y'],
])('%i seconds read %s', (value, text) => {
  expect(formatDuration(value)).toBe(text);
});
