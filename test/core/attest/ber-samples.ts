/** BER that is none. */
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

export const derOfLatin: readonly (readonly [string, Uint8Array, string])[] = [
  ['nothing', hex(''), 'expected 1 octets, found 0'],
  ['a value that is cut off', hex('04 05 00'), 'expected 5 octets, found 1'],
  ['a value that has more behind it', hex('05 00 00'), 'expected the end, found 1 more bytes'],
  ['a long tag', hex('1f 81 00 00'), 'expected a tag number below 31'],
  ['a primitive value without an end', hex('04 80 00 00'), 'expected a definite length of a primitive value'],
  ['a length of five octets', hex('30 85 00 00 00 00 00'), 'expected a length of at most 4 octets'],
  ['contents without an end', hex('30 80 05 00'), 'expected 1 octets, found 0'],
  ['half an end of contents', hex('30 80 00 01'), 'expected the end of contents'],
  ['contents that run over their end', hex('30 02 04 05 00 00 00 00 00'), 'expected contents of the length that was said'],
  ['an integer inside an octet string', hex('24 03 02 01 00'), 'expected octet strings inside one'],
  ['nesting without end', hex('30 80 '.repeat(40)), 'expected at most 32 levels of nesting'],
];
