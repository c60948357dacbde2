import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CompactRange,
  consistencyProof,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from '../../../src/core/audit/merkle.ts';
import { fromHex, toHex, utf8 } from '../../../src/core/encoding.ts';

/** The eight entries of the reference tree of Certificate Transparency's first implementation, and the roots of its beginnings. */
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) =>
  leafHash(fromHex(hex)),
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leaves = (count: number): Uint8Array[] => Array.from({ length: count }, (_, index) => leafHash(utf8(`record ${index}`)));

/** MTH as RFC 6962 section 2.1 writes it. */
function definition(list: readonly Uint8Array[]): Uint8Array {
  if (list.length === 1) return list[0] as Uint8Array;
  const split = 2 ** Math.floor(Math.log2(list.length - 1));
  return nodeHash(definition(list.slice(0, split)), definition(list.slice(split)));
}

describe('roots', () => {
  it.each(ROOTS.map((root, size) => [size, root] as const))('of the first %i entries of the reference tree', (size, root) => {
    expect(toHex(merkleRoot(ENTRIES.slice(0, size)))).toBe(root);
  });

  it('are those of the definition, at any size', () => {
    for (let size = 1; size <= 70; size++) expect(merkleRoot(leaves(size))).toEqual(definition(leaves(size)));
  });

  it('come out of a range that was put away and taken up again', () => {
    fc.assert(
      fc.property(fc.nat(80), fc.nat(80), (first, more) => {
        const all = leaves(first + more);
        const range = new CompactRange();
        for (const leaf of all.slice(0, first)) range.append(leaf);
        const again = new CompactRange(range.size, range.hashes);
        for (const leaf of all.slice(first)) again.append(leaf);
        expect(again.size).toBe(all.length);
        expect(again.root()).toEqual(merkleRoot(all));
        expect(range.root()).toEqual(merkleRoot(all.slice(0, first)));
      }),
      { numRuns: 40 },
    );
  });

  it('need as many hashes as the size has bits', () => {
    expect(() => new CompactRange(3, [ENTRIES[0] as Uint8Array])).toThrow('a range of 3 leaves has 2 hashes, not 1');
  });
});

const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte));

describe('inclusion proofs', () => {
  it('are those of RFC 6962 section 2.1.3 for a tree of seven', () => {
    const seven = leaves(7);
    const at = (index: number): Uint8Array => seven[index] as Uint8Array;
    const [c, h, g, i, j] = [at(2), nodeHash(at(2), at(3)), nodeHash(at(0), at(1)), nodeHash(at(4), at(5)), at(6)];
    const [k, l] = [nodeHash(g, h), nodeHash(i, j)];
    expect(inclusionProof(seven, 0)).toEqual([at(1), h, l]);
    expect(inclusionProof(seven, 3)).toEqual([c, g, l]);
    expect(inclusionProof(seven, 4)).toEqual([at(5), j, k]);
    expect(inclusionProof(seven, 6)).toEqual([i, k]);
  });

  it('hold for every leaf, and for no other leaf, place, size or root', () => {
    for (let size = 1; size <= 20; size++) {
      const list = leaves(size);
      const root = merkleRoot(list);
      for (const [index, leaf] of list.entries()) {
        const claim = { leaf, index, size, root, proof: inclusionProof(list, index) };
        expect(verifyInclusion(claim)).toBe(true);
        expect(verifyInclusion({ ...claim, leaf: flip(leaf) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flip(root) })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...claim.proof, root] })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: claim.proof.slice(1) })).toBe(size === 1);
        expect(verifyInclusion({ ...claim, index: index - 1 })).toBe(false);
      }
    }
  });

  it('are refused for a place outside the tree', () => {
    const [leaf] = leaves(1) as [Uint8Array];
    const claim = { leaf, index: 0, size: 1, root: leaf, proof: [] };
    expect(verifyInclusion(claim)).toBe(true);
    for (const wrong of [{ index: 1 }, { index: -1 }, { index: 0.5 }, { size: 0 }, { size: Number.NaN }]) {
      expect(verifyInclusion({ ...claim, ...wrong })).toBe(false);
    }
    expect(() => inclusionProof([leaf], 1)).toThrow('no leaf 1 of 1');
  });
});

describe('consistency proofs', () => {
  it('are those of RFC 6962 section 2.1.3 for a tree of seven', () => {
    const seven = leaves(7);
    const at = (index: number): Uint8Array => seven[index] as Uint8Array;
    const [h, g, i, j] = [nodeHash(at(2), at(3)), nodeHash(at(0), at(1)), nodeHash(at(4), at(5)), at(6)];
    const [k, l] = [nodeHash(g, h), nodeHash(i, j)];
    expect(consistencyProof(seven, 3)).toEqual([at(2), at(3), g, l]);
    expect(consistencyProof(seven, 4)).toEqual([l]);
    expect(consistencyProof(seven, 6)).toEqual([i, j, k]);
  });

  it('hold for every beginning, and for nothing else', () => {
    for (let second = 1; second <= 20; second++) {
      const list = leaves(second);
      const secondRoot = merkleRoot(list);
      for (let first = 1; first <= second; first++) {
        const claim = { first, firstRoot: merkleRoot(list.slice(0, first)), second, secondRoot, proof: consistencyProof(list, first) };
        expect(verifyConsistency(claim)).toBe(true);
        expect(verifyConsistency({ ...claim, firstRoot: flip(claim.firstRoot) })).toBe(false);
        expect(verifyConsistency({ ...claim, secondRoot: flip(secondRoot) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...claim.proof, secondRoot] })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: claim.proof.slice(1) })).toBe(first === second);
        expect(verifyConsistency({ ...claim, proof: [] })).toBe(first === second);
      }
    }
  });

  it('are refused for sizes that cannot be', () => {
    const [root] = leaves(1) as [Uint8Array];
    const claim = { first: 1, firstRoot: root, second: 1, secondRoot: root, proof: [] };
    expect(verifyConsistency(claim)).toBe(true);
    for (const wrong of [{ first: 0 }, { first: 2 }, { first: 0.5 }, { second: -1 }, { first: Number.NaN }]) {
      expect(verifyConsistency({ ...claim, ...wrong })).toBe(false);
    }
    expect(() => consistencyProof([root], 0)).toThrow('no first 0 of 1 leaves');
  });
});
