/** Chance that repeats: everything in a simulation comes from one seed, so that the same seed gives the same report. */

/** Mixes 32 bits well (the finalizer of MurmurHash3, by Austin Appleby, in the public domain). */
export function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** A number from 0 to 1 that belongs to these two: the same whenever it is asked for, in whatever order. */
export function fixedChance(seed: number, index: number, use: number): number {
  return mix(mix(mix(seed) + index) + Math.imul(use, 0x9e3779b1)) / 2 ** 32;
}

/** Numbers in a row: a Weyl sequence, mixed. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = mix(seed);
  }

  /** From 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    return mix(this.#state) / 2 ** 32;
  }

  /** A whole number from 0, below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** How long something lasts that may end at any moment alike; at least one second. */
  exponential(mean: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.next()) * mean));
  }
}
