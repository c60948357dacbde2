import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalBytes,
  canonicalJson,
  isJsonArray,
  isJsonObject,
  type JsonValue,
  parseStrictJson,
} from '../../src/core/canonical-json.ts';
import { toHex } from '../../src/core/encoding.ts';
import { isJoineryError } from '../../src/core/errors.ts';

test('RFC 8785 section 3.2.2: the sample object', () => {
  const sample = {
    // oxlint-disable-next-line no-loss-of-precision -- the RFC's own example of a number that a double cannot hold
    numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\u0022/",
    literals: [null, true, false],
  };
  expect(canonicalJson(sample)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('RFC 8785 section 3.2.3: members are sorted by UTF-16 code units', () => {
  const sample = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji: Grinning Face',
    '\u0080': 'Control',
    '\u00f6': 'Latin Small Letter O With Diaeresis',
  };
  const order = [
    'Carriage Return',
    'One',
    'Control',
    'Latin Small Letter O With Diaeresis',
    'Euro Sign',
    'Emoji: Grinning Face',
    'Hebrew Letter Dalet With Dagesh',
  ];
  expect(
    Object.values(JSON.parse(canonicalJson(sample)) as Record<string, string>).sort((a, b) => order.indexOf(a) - order.indexOf(b)),
  ).toEqual(order);
  expect(order.map((name) => canonicalJson(sample).indexOf(name))).toEqual(
    order.map((name) => canonicalJson(sample).indexOf(name)).sort((a, b) => a - b),
  );
});

// RFC 8785 appendix B
test.each([
  [0, '0'],
  [-0, '0'],
  [5e-324, '5e-324'],
  [1.7976931348623157e308, '1.7976931348623157e+308'],
  [9007199254740992, '9007199254740992'],
  [1e21, '1e+21'],
  [9.999999999999997e22, '9.999999999999997e+22'],
  [0.000001, '0.000001'],
  [333333333.3333332, '333333333.3333332'],
])('%d is written %s', (value, text) => {
  expect(canonicalJson(value)).toBe(text);
});

test('a member that is undefined is left out; bytes are UTF-8', () => {
  expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
  expect(toHex(canonicalBytes('\u20ac'))).toBe('22e282ac22');
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }])('what JSON cannot hold is refused', (value) => {
  expect(() => canonicalJson(value as JsonValue)).toThrow(expect.objectContaining({ code: 'ERR_JSON_MALFORMED' }));
});

test('any value reads back, and its canonical form is a fixed point', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalJson(value as JsonValue);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(canonicalJson(JSON.parse(text) as JsonValue)).toBe(text);
    }),
  );
});

test('the strict reader takes JSON and agrees with JSON.parse', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      try {
        expect(parseStrictJson(text, 'x')).toEqual(JSON.parse(text));
      } catch (error) {
        expect(isJoineryError(error, 'ERR_JSON_MALFORMED')).toBe(true);
        expect(text).toContain('__proto__');
      }
    }),
  );
});

test.each([
  ['a duplicate member', '{"a":1,"a":2}'],
  ['a duplicate member under another spelling', '{"a":1,"\\u0061":2}'],
  ['a duplicate after a blank', '{"a" :1, "a"\n:2}'],
  ['a nested duplicate', '[{"x":{"a":1,"b":[],"a":2}}]'],
  ['__proto__', '{"__proto__":1}'],
  ['a lone surrogate', '"\\ud800"'],
  ['a lone surrogate in a name', '{"\\udc00":1}'],
  ['no JSON', '{a:1}'],
  ['two values', '1 2'],
  ['a trailing comma', '[1,]'],
  ['nothing', ''],
  ['too many levels', `${'['.repeat(65)}${']'.repeat(65)}`],
  ['a BOM', '\ufeff{}'],
])('the strict reader refuses %s', (_name, text) => {
  expect(() => parseStrictJson(text, 'x')).toThrow(expect.objectContaining({ code: 'ERR_JSON_MALFORMED' }));
});

test('one name in two objects, and a string equal to a name, are no duplicates', () => {
  expect(parseStrictJson('[{"a":"a"},{"a":["a","a"],"b\\"":"{"}]', 'x')).toEqual([{ a: 'a' }, { a: ['a', 'a'], 'b"': '{' }]);
});

test('strings may be long, full of escapes, and end with them', () => {
  for (const text of ['x'.repeat(15_000_000), '\n'.repeat(7_000_000)]) expect(parseStrictJson(JSON.stringify([text]), 'x')).toEqual([text]);
  for (const name of ['\\', '"', '\\"', 'a\\\\"{', '":', '[}'])
    expect(parseStrictJson(JSON.stringify({ [name]: { [name]: name } }), 'x')).toEqual({ [name]: { [name]: name } });
  expect(() => parseStrictJson('{"a\\\\":1,"a\\\\":2}', 'x')).toThrowError('duplicate');
});

test('limits hold, and the message never quotes the input', () => {
  expect(() => parseStrictJson('"hunter2', 'the file', { maxLength: 4 })).toThrow(expect.objectContaining({ code: 'ERR_INPUT_TOO_LARGE' }));
  expect(() => parseStrictJson('[[1]]', 'x', { maxDepth: 1 })).toThrow('at most 1 levels');
  expect(() => parseStrictJson('hunter2', 'the file')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});

test('arrays and objects are told apart', () => {
  expect([isJsonArray([]), isJsonArray({}), isJsonObject({}), isJsonObject([]), isJsonObject(null), isJsonObject(undefined)]).toEqual([
    true,
    false,
    true,
    false,
    false,
    false,
  ]);
});
