import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JsonValue } from '../../src/core/canonical-json.ts';
import { type JoineryError, isJoineryError } from '../../src/core/errors.ts';
import { array, boolean, integer, object, oneOf, optional, parseDocument, record, refine, string } from '../../src/core/parse.ts';

const parser = object({
  name: string({ minLength: 1, maxLength: 5, pattern: /^[a-z]+$/, describe: 'lower case letters' }),
  count: optional(integer(1, 9)),
  on: optional(boolean()),
  kind: optional(oneOf(['a', 'b'])),
  tags: optional(array(string({ pattern: /^t/ }), { minItems: 1, maxItems: 2 })),
  labels: optional(record(string(), { maxMembers: 1 })),
  even: optional(refine(integer(), (value) => (value % 2 === 0 ? { value } : { issue: 'expected an even number, found an odd one' }))),
});

function issuesOf(value: JsonValue): string[] {
  try {
    parseDocument(parser, value, 'doc');
    return [];
  } catch (error) {
    return ((error as JoineryError).details['issues'] as { path: string; message: string }[]).map(
      (issue) => `${issue.path}: ${issue.message}`,
    );
  }
}

test('a right document is read with its types', () => {
  const document = { name: 'abc', count: 2, on: false, kind: 'b', tags: ['t1'], labels: { x: 'y' }, even: 4 };
  expect(parseDocument(parser, document, 'doc')).toEqual(document);
  expect(parseDocument(parser, { name: 'a' }, 'doc')).toEqual({ name: 'a' });
});

test.each<[JsonValue, string[]]>([
  [null, [': expected an object, found null']],
  [[], [': expected an object, found an array']],
  [{}, ['name: expected lower case letters, found nothing']],
  [{ name: 'ABC' }, ['name: expected lower case letters, found something else']],
  [{ name: '' }, ['name: expected 1 to 5 characters, found 0']],
  [{ name: 'a', count: 0 }, ['count: expected an integer from 1 to 9, found a number']],
  [{ name: 'a', count: '2' }, ['count: expected an integer from 1 to 9, found a string']],
  [{ name: 'a', on: 1 }, ['on: expected true or false, found a number']],
  [{ name: 'a', kind: 'c' }, ['kind: expected one of a, b, found a string']],
  [{ name: 'a', kind: true }, ['kind: expected one of a, b, found a boolean']],
  [{ name: 'a', tags: 't' }, ['tags: expected an array, found a string']],
  [{ name: 'a', tags: [] }, ['tags: expected 1 to 2 items, found 0']],
  [
    { name: 'a', tags: ['x', 5] },
    ['tags[0]: expected text that matches ^t, found something else', 'tags[1]: expected a string, found a number'],
  ],
  [{ name: 'a', labels: [] }, ['labels: expected an object, found an array']],
  [{ name: 'a', labels: { x: '1', y: '2' } }, ['labels: expected at most 1 members, found 2']],
  [{ name: 'a', labels: { 'a b': {} } }, ['labels."a b": expected a string, found an object']],
  [{ name: 'a', even: 3 }, ['even: expected an even number, found an odd one']],
  [{ name: 'a', even: 'x' }, [`even: expected an integer from 0 to ${Number.MAX_SAFE_INTEGER}, found a string`]],
  [{ name: 'a', nam: 'b' }, ['nam: unknown member; known here: name, count, on, kind, tags, labels, even']],
  [
    { count: 0, on: 1 },
    [
      'name: expected lower case letters, found nothing',
      'count: expected an integer from 1 to 9, found a number',
      'on: expected true or false, found a number',
    ],
  ],
])('%j reports all its wrong paths', (document, issues) => {
  expect(issuesOf(document)).toEqual(issues);
});

test('the message holds the first issue and how many more there are', () => {
  expect(() => parseDocument(parser, { on: 1 }, 'doc', 'ERR_CONFIG_MALFORMED')).toThrow(
    expect.objectContaining({
      code: 'ERR_CONFIG_MALFORMED',
      message: 'doc: name: expected lower case letters, found nothing (and 1 more)',
    }),
  );
  expect(() => parseDocument(parser, 1, 'doc')).toThrow('doc: expected an object, found a number');
});

test('a document never brings members of Object.prototype', () => {
  expect(issuesOf(JSON.parse('{"name":"a","__proto__":1,"constructor":2}') as JsonValue).map((issue) => issue.split(':')[0])).toEqual([
    '__proto__',
    'constructor',
  ]);
  expect(issuesOf({ name: 'a', toString: 'x' })).toHaveLength(1);
});

test('any value is read or refused with a coded error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseDocument(parser, value as JsonValue, 'doc');
      } catch (error) {
        expect(isJoineryError(error, 'ERR_INPUT_MALFORMED')).toBe(true);
      }
    }),
  );
});

test('the JSON Schema says what the parser enforces', () => {
  expect(parser.schema).toEqual({
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 5, pattern: '^[a-z]+$' },
      count: { type: 'integer', minimum: 1, maximum: 9 },
      on: { type: 'boolean' },
      kind: { enum: ['a', 'b'] },
      tags: { type: 'array', items: { type: 'string', maxLength: 65536, pattern: '^t' }, minItems: 1, maxItems: 2 },
      labels: { type: 'object', additionalProperties: { type: 'string', maxLength: 65536 }, maxProperties: 1 },
      even: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
    },
    required: ['name'],
    additionalProperties: false,
  });
});
