/**
 * DEFLATE (RFC 1951) that looks for the shortest spelling, where zlib takes a good one: some 4 % smaller, and a hundred times as slow. For
 * what a platform's limit would else refuse. Every decoder reads it.
 */
import { type Block, writeBlocks } from './deflate-block.ts';
import { distanceSymbol, DISTANCES, lengthSymbol, LENGTHS, type Symbols } from './deflate-symbols.ts';

const WINDOW = 32768;
const MIN_LENGTH = 3;
const MAX_LENGTH = 258;
/** Places of the same three bytes that are looked at. */
const MAX_CHAIN = 1024;
const ROUNDS = 12;

/** Of each place: the longest strings that stood before it, and the nearest distance of each length, both growing. */
type Matches = readonly (readonly { readonly length: number; readonly distance: number }[])[];

function findMatches(data: Uint8Array): Matches {
  const head = new Map<number, number>();
  const previous = new Int32Array(data.length);
  return Array.from(data, (_, at) => {
    if (at + MIN_LENGTH > data.length) return [];
    const key = ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
    const found = [];
    const limit = Math.min(MAX_LENGTH, data.length - at);
    let best = MIN_LENGTH - 1;
    let from = head.get(key) ?? -1;
    // Nothing is longer than all of it: repeated text would be compared with itself again and again.
    for (let chain = 0; from >= 0 && at - from <= WINDOW && chain < MAX_CHAIN && best < limit; chain++, from = previous[from] as number) {
      const length = commonLength(data, from, at);
      if (length > best) found.push({ length: (best = length), distance: at - from });
    }
    previous[at] = head.get(key) ?? -1;
    head.set(key, at);
    return found;
  });
}

function commonLength(data: Uint8Array, from: number, at: number): number {
  const limit = Math.min(MAX_LENGTH, data.length - at);
  let length = MIN_LENGTH;
  while (length < limit && data[from + length] === data[at + length]) length++;
  return length;
}

interface Costs {
  /** Bits of each symbol of literals and lengths, and of distances. */
  readonly literals: Float64Array;
  readonly distances: Float64Array;
}

const FIRST: Costs = { literals: new Float64Array(286).fill(8), distances: new Float64Array(30).fill(6) };

/** The cheapest way from `start` to `end`, by what each symbol costs. */
function cheapest(data: Uint8Array, matches: Matches, [start, end]: readonly [number, number], { literals, distances }: Costs): Symbols {
  const size = end - start;
  const cost = new Float64Array(size + 1).fill(Infinity);
  const step = new Uint16Array(size + 1);
  const back = new Uint16Array(size + 1);
  cost[0] = 0;
  const reach = (to: number, price: number, length: number, distance: number): void => {
    if (price >= (cost[to] as number)) return;
    cost[to] = price;
    step[to] = length;
    back[to] = distance;
  };
  for (let at = 0; at < size; at++) {
    const here = cost[at] as number;
    reach(at + 1, here + (literals[data[start + at] as number] as number), 1, 0);
    let length = MIN_LENGTH;
    for (const match of matches[start + at] as Matches[number]) {
      const symbol = distanceSymbol(match.distance);
      const price = here + (distances[symbol] as number) + (DISTANCES[symbol] as { extra: number }).extra;
      for (const last = Math.min(match.length, size - at); length <= last; length++) {
        const code = lengthSymbol(length);
        reach(at + length, price + (literals[257 + code] as number) + (LENGTHS[code] as { extra: number }).extra, length, match.distance);
      }
    }
  }
  const symbols: [number, number][] = [];
  for (let at = size; at > 0; at -= step[at] as number)
    symbols.push(step[at] === 1 ? [0, data[start + at - 1] as number] : [step[at] as number, back[at] as number]);
  return symbols.reverse();
}

function countsOf(symbols: Symbols): Costs {
  const [literals, distances] = [new Float64Array(286), new Float64Array(30)];
  literals[256] = 1;
  for (const [length, value] of symbols) {
    const symbol = length === 0 ? value : 257 + lengthSymbol(length);
    literals[symbol] = (literals[symbol] as number) + 1;
    if (length > 0) distances[distanceSymbol(value)] = (distances[distanceSymbol(value)] as number) + 1;
  }
  return { literals, distances };
}

/** What is not there yet costs as much as what is there once. */
function entropy(counts: Float64Array): Float64Array {
  const total = Math.max(
    1,
    counts.reduce((sum, count) => sum + count, 0),
  );
  return counts.map((count) => Math.log2(total) - Math.log2(Math.max(1, count)));
}

const costsOf = ({ literals, distances }: Costs): Costs => ({ literals: entropy(literals), distances: entropy(distances) });

/** Bits of the symbols under codes of their own, with what it takes to say the codes: near enough to choose between two ways. */
function estimate(symbols: Symbols): number {
  const counts = countsOf(symbols);
  let bits = 80;
  for (const part of [counts.literals, counts.distances]) {
    const price = entropy(part);
    for (const [symbol, count] of part.entries()) if (count > 0) bits += count * (price[symbol] as number) + 4;
  }
  return bits;
}

/** Cuts symbols where codes of their own pay for both sides. */
function split(symbols: Symbols, whole = estimate(symbols)): readonly Symbols[] {
  if (symbols.length < 400) return [symbols];
  const priceAt = (cut: number): number => estimate(symbols.slice(0, cut)) + estimate(symbols.slice(cut));
  const best = (from: number, to: number): number => {
    const places = Array.from({ length: 15 }, (_, index) => Math.round(from + ((to - from) * (index + 1)) / 16));
    return places.reduce((a, b) => (priceAt(b) < priceAt(a) ? b : a));
  };
  const near = best(0, symbols.length);
  const cut = best(near - symbols.length / 16, near + symbols.length / 16);
  if (priceAt(cut) >= whole) return [symbols];
  return [symbols.slice(0, cut), symbols.slice(cut)].flatMap((side) => split(side));
}

const lengthOf = (symbols: Symbols): number => symbols.reduce((sum, [length]) => sum + Math.max(1, length), 0);

/** Chooses symbols by their cost, and costs by the symbols, until neither gets better. */
function settle(data: Uint8Array, matches: Matches, range: readonly [number, number], first: Costs): Symbols {
  let best = cheapest(data, matches, range, first);
  let costs = costsOf(countsOf(best));
  for (let round = 0; round < ROUNDS; round++) {
    const next = cheapest(data, matches, range, costs);
    if (estimate(next) < estimate(best)) best = next;
    costs = costsOf(countsOf(next));
  }
  return best;
}

export function deflate(data: Uint8Array): Uint8Array {
  const matches = findMatches(data);
  let at = 0;
  const blocks = split(settle(data, matches, [0, data.length], FIRST)).map((symbols): Block => {
    const settled = settle(data, matches, [at, (at += lengthOf(symbols))], costsOf(countsOf(symbols)));
    return { symbols: settled, ...countsOf(settled) };
  });
  return writeBlocks(blocks);
}
