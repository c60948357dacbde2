/** Counts durations of any number in little memory: exact to the second below two minutes, then to less than one percent. */
const EXACT = 128;

function bucketOf(value: number): number {
  if (value < EXACT) return value;
  const power = 31 - Math.clz32(value);
  // The seven bits after the first.
  return (power - 6) * EXACT + ((value >>> (power - 7)) & (EXACT - 1));
}

/** Largest value of a bucket. */
function valueOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const power = Math.floor(bucket / EXACT) + 6;
  const width = 2 ** (power - 7);
  return (EXACT + (bucket % EXACT)) * width + width - 1;
}

export class Histogram {
  readonly #counts = new Uint32Array(26 * EXACT);
  #total = 0;
  #max = 0;

  /** @param value seconds, from 0 to 2^31 - 1. */
  add(value: number): void {
    const bucket = bucketOf(value);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total += 1;
    this.#max = Math.max(this.#max, value);
  }

  get total(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  /** The value that this share of all does not exceed; undefined when there is none. */
  quantile(share: number): number | undefined {
    if (this.#total === 0) return undefined;
    let left = Math.ceil(this.#total * share);
    let bucket = 0;
    for (; left > (this.#counts[bucket] as number); bucket++) left -= this.#counts[bucket] as number;
    return Math.min(valueOf(bucket), this.#max);
  }
}
