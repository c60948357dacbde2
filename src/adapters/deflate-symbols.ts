/** Lengths and distances as symbols with extra bits (RFC 1951 section 3.2.5). */

/** Length 0 and a byte, or a length and a distance. */
export type Symbols = readonly (readonly [length: number, value: number])[];

export interface Range {
  readonly base: number;
  readonly extra: number;
}

function ranges(first: number, extras: readonly number[]): readonly Range[] {
  let base = first;
  return extras.map((extra) => {
    const range = { base, extra };
    base += 1 << extra;
    return range;
  });
}

/** Symbol 257 and those after it; the last is 258 alone, which the one before it could say too. */
export const LENGTHS: readonly Range[] = [
  ...ranges(3, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5]),
  { base: 258, extra: 0 },
];
export const DISTANCES: readonly Range[] = ranges(
  1,
  [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
);

const lengthSymbols = Uint8Array.from({ length: 259 }, (_, length) => LENGTHS.findLastIndex(({ base }) => base <= length));
const distanceSymbols = Uint8Array.from({ length: 32769 }, (_, distance) => DISTANCES.findLastIndex(({ base }) => base <= distance));

/** Place in {@link LENGTHS}. */
export function lengthSymbol(length: number): number {
  return lengthSymbols[length] as number;
}

/** Place in {@link DISTANCES}. */
export function distanceSymbol(distance: number): number {
  return distanceSymbols[distance] as number;
}
