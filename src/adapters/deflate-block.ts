/** Blocks with codes of their own (RFC 1951 section 3.2.7), as bits. */
import { distanceSymbol, DISTANCES, lengthSymbol, LENGTHS, type Symbols } from './deflate-symbols.ts';

export interface Block {
  readonly symbols: Symbols;
  /** How often each symbol is there. */
  readonly literals: Float64Array;
  readonly distances: Float64Array;
}

interface Node {
  readonly weight: number;
  readonly symbols: readonly number[];
}

/** Lengths of an optimal prefix code that are at most `limit`, by package-merge (Larmore and Hirschberg, 1990). */
function codeLengths(counts: ArrayLike<number>, limit: number): Uint8Array {
  const lengths = new Uint8Array(counts.length);
  const leaves = Array.from(counts, (weight, symbol): Node => ({ weight, symbols: [symbol] }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => a.weight - b.weight);
  let list: readonly Node[] = leaves;
  for (let level = 1; level < limit; level++) {
    const pairs = Array.from({ length: list.length >> 1 }, (_, index): Node => {
      const [a, b] = [list[2 * index] as Node, list[2 * index + 1] as Node];
      return { weight: a.weight + b.weight, symbols: [...a.symbols, ...b.symbols] };
    });
    list = [...leaves, ...pairs].sort((a, b) => a.weight - b.weight);
  }
  // A code of one symbol has one bit all the same.
  const taken = list.slice(0, Math.max(1, 2 * leaves.length - 2));
  for (const symbol of taken.flatMap(({ symbols }) => symbols)) lengths[symbol] = (lengths[symbol] as number) + 1;
  return lengths;
}

class Bits {
  readonly #bytes: number[] = [];
  #bit = 0;

  /** Least significant bit first. */
  write(value: number, count: number): void {
    for (let index = 0; index < count; index++) {
      if (this.#bit % 8 === 0) this.#bytes.push(0);
      const last = this.#bytes.length - 1;
      this.#bytes[last] = (this.#bytes[last] as number) | (((value >> index) & 1) << (this.#bit++ % 8));
    }
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

type Coder = (bits: Bits, symbol: number) => void;

/** Codes by their lengths (section 3.2.2), most significant bit first. */
function coderOf(lengths: Uint8Array): Coder {
  const codes = new Map<number, number>();
  let code = 0;
  for (let length = 1; length <= 15; length++) {
    for (const [symbol, each] of lengths.entries()) if (each === length) codes.set(symbol, code++);
    code <<= 1;
  }
  return (bits, symbol) => {
    const length = lengths[symbol] as number;
    for (let index = length - 1; index >= 0; index--) bits.write(((codes.get(symbol) as number) >> index) & 1, 1);
  };
}

/** Symbol of the code of lengths, value of its extra bits and how many. */
type Run = readonly [symbol: number, value: number, extra: number];

function runsOf(lengths: readonly number[]): readonly Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < lengths.length;) {
    const length = lengths[at] as number;
    let count = 1;
    while (lengths[at + count] === length) count++;
    at += count;
    if (length === 0) pushZeros(runs, count);
    else pushSame(runs, length, count);
  }
  return runs;
}

function pushZeros(runs: Run[], count: number): void {
  let left = count;
  for (; left >= 11; left -= Math.min(left, 138)) runs.push([18, Math.min(left, 138) - 11, 7]);
  if (left >= 3) runs.push([17, left - 3, 3]);
  else for (; left > 0; left--) runs.push([0, 0, 0]);
}

function pushSame(runs: Run[], length: number, count: number): void {
  runs.push([length, 0, 0]);
  let left = count - 1;
  for (; left >= 3; left -= Math.min(left, 6)) runs.push([16, Math.min(left, 6) - 3, 2]);
  for (; left > 0; left--) runs.push([length, 0, 0]);
}

const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function trimmed(lengths: Uint8Array, least: number): readonly number[] {
  return [...lengths.subarray(0, Math.max(least, lengths.findLastIndex((length) => length > 0) + 1))];
}

function writeHeader(bits: Bits, literals: Uint8Array, distances: Uint8Array): void {
  const [first, second] = [trimmed(literals, 257), trimmed(distances, 1)];
  const runs = runsOf([...first, ...second]);
  const counts = new Float64Array(19);
  for (const [symbol] of runs) counts[symbol] = (counts[symbol] as number) + 1;
  const lengths = codeLengths(counts, 7);
  const shown = Math.max(4, ORDER.findLastIndex((symbol) => (lengths[symbol] as number) > 0) + 1);
  bits.write(first.length - 257, 5);
  bits.write(second.length - 1, 5);
  bits.write(shown - 4, 4);
  for (const symbol of ORDER.slice(0, shown)) bits.write(lengths[symbol] as number, 3);
  const write = coderOf(lengths);
  for (const [symbol, value, extra] of runs) {
    write(bits, symbol);
    bits.write(value, extra);
  }
}

function writeBlock(bits: Bits, { symbols, ...counts }: Block): void {
  const [literals, distances] = [codeLengths(counts.literals, 15), codeLengths(counts.distances, 15)];
  writeHeader(bits, literals, distances);
  const [writeLiteral, writeDistance] = [coderOf(literals), coderOf(distances)];
  for (const [length, value] of symbols) {
    if (length === 0) {
      writeLiteral(bits, value);
      continue;
    }
    const [code, far] = [lengthSymbol(length), distanceSymbol(value)];
    const [{ base, extra }, distance] = [LENGTHS[code] as (typeof LENGTHS)[number], DISTANCES[far] as (typeof DISTANCES)[number]];
    writeLiteral(bits, 257 + code);
    bits.write(length - base, extra);
    writeDistance(bits, far);
    bits.write(value - distance.base, distance.extra);
  }
  writeLiteral(bits, 256);
}

/** @param blocks at least one. */
export function writeBlocks(blocks: readonly Block[]): Uint8Array {
  const bits = new Bits();
  for (const [index, block] of blocks.entries()) {
    bits.write(index === blocks.length - 1 ? 1 : 0, 1);
    bits.write(2, 2);
    writeBlock(bits, block);
  }
  return bits.bytes();
}
