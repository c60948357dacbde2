/** The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over the audit records, with SHA-256. */
import { sha256 } from '../digest.ts';
import { concat, equalBytes } from '../encoding.ts';
import { assertInternal } from '../errors.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Hash of one record. The prefix keeps a leaf from passing for a node. */
export function leafHash(record: Uint8Array): Uint8Array {
  return sha256(concat(LEAF, record));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(NODE, left, right));
}

/** Root of the empty tree. */
const EMPTY_ROOT = sha256(new Uint8Array(0));

/**
 * The root of a growing list of leaves in memory that grows with its logarithm: the roots of the perfect subtrees that its
 * size is made of, largest first (one for each bit of the size that is set).
 */
export class CompactRange {
  readonly #hashes: Uint8Array[];
  #size: number;

  /** An empty list, or one that goes on where {@link hashes} of another of `size` leaves left off. */
  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    assertInternal(hashes.length === bitsSet(size), `a range of ${size} leaves has ${bitsSet(size)} hashes, not ${hashes.length}`);
    this.#size = size;
    this.#hashes = [...hashes];
  }

  get size(): number {
    return this.#size;
  }

  get hashes(): readonly Uint8Array[] {
    return [...this.#hashes];
  }

  append(leaf: Uint8Array): void {
    let hash = leaf;
    // Each low bit that is set is a perfect subtree that the new one completes to the next size.
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) hash = nodeHash(this.#hashes.pop() as Uint8Array, hash);
    this.#hashes.push(hash);
    this.#size += 1;
  }

  root(): Uint8Array {
    const hashes = this.hashes.toReversed();
    return hashes.length === 0 ? EMPTY_ROOT : hashes.reduce((right, left) => nodeHash(left, right));
  }
}

function bitsSet(size: number): number {
  return size.toString(2).replaceAll('0', '').length;
}

/** MTH of RFC 6962 section 2.1. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const range = new CompactRange();
  for (const leaf of leaves) range.append(leaf);
  return range.root();
}

/** The largest power of two below `size` (k of RFC 6962 section 2.1); `size` is at least 2. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/**
 * PATH(index, leaves) of RFC 6962 section 2.1.1, from the leaf up.
 * @param index from 0, below the number of leaves.
 */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  assertInternal(Number.isInteger(index) && index >= 0 && index < leaves.length, `no leaf ${index} of ${leaves.length}`);
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split ? [...inclusionProof(left, index), merkleRoot(right)] : [...inclusionProof(right, index - split), merkleRoot(left)];
}

/** PROOF(first, leaves) of RFC 6962 section 2.1.2: that the tree of the `first` first leaves is the beginning of this one. */
export function consistencyProof(leaves: readonly Uint8Array[], first: number): Uint8Array[] {
  assertInternal(Number.isInteger(first) && first > 0 && first <= leaves.length, `no first ${first} of ${leaves.length} leaves`);
  return subProof(leaves, first, true);
}

function subProof(leaves: readonly Uint8Array[], first: number, known: boolean): Uint8Array[] {
  if (first === leaves.length) return known ? [] : [merkleRoot(leaves)];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return first <= split
    ? [...subProof(left, first, known), merkleRoot(right)]
    : [...subProof(right, first - split, false), merkleRoot(left)];
}

export interface InclusionClaim {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Does the proof lead from the leaf to the root? (RFC 9162 section 2.1.3.2, as the mirror image of {@link inclusionProof}.) */
export function verifyInclusion({ leaf, index, size, root, proof }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  const found = inclusionRoot(leaf, index, size, proof);
  return found !== undefined && equalBytes(found, root);
}

function inclusionRoot(leaf: Uint8Array, index: number, size: number, proof: readonly Uint8Array[]): Uint8Array | undefined {
  if (size === 1) return proof.length === 0 ? leaf : undefined;
  const split = splitOf(size);
  const [rest, other] = [proof.slice(0, -1), proof.at(-1)];
  const isLeft = index < split;
  const near = isLeft ? inclusionRoot(leaf, index, split, rest) : inclusionRoot(leaf, index - split, size - split, rest);
  if (near === undefined || other === undefined) return undefined;
  return isLeft ? nodeHash(near, other) : nodeHash(other, near);
}

export interface ConsistencyClaim {
  readonly first: number;
  readonly firstRoot: Uint8Array;
  readonly second: number;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Is the first tree the beginning of the second? (RFC 9162 section 2.1.4.2, as the mirror image of {@link consistencyProof}.) */
export function verifyConsistency({ first, firstRoot, second, secondRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(first) || !isCount(second) || first === 0 || first > second) return false;
  const found = subRoots(first, second, firstRoot, proof);
  return found !== undefined && equalBytes(found.first, firstRoot) && equalBytes(found.second, secondRoot);
}

interface TwoRoots {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** @param known the root of the first tree, as long as it is a subtree of the second; the proof leaves it out. */
function subRoots(first: number, second: number, known: Uint8Array | undefined, proof: readonly Uint8Array[]): TwoRoots | undefined {
  if (first === second) {
    const [root, ...more] = known === undefined ? proof : [known, ...proof];
    return root === undefined || more.length > 0 ? undefined : { first: root, second: root };
  }
  const split = splitOf(second);
  const [rest, other] = [proof.slice(0, -1), proof.at(-1)];
  const isLeft = first <= split;
  const near = isLeft ? subRoots(first, split, known, rest) : subRoots(first - split, second - split, undefined, rest);
  if (near === undefined || other === undefined) return undefined;
  return isLeft
    ? { first: near.first, second: nodeHash(near.second, other) }
    : { first: nodeHash(other, near.first), second: nodeHash(other, near.second) };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
