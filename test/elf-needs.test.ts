/** What a Debian package of an executable depends on, by the executable's own tables. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

type Libraries = ReadonlyMap<string, readonly string[]>;
const { debianDepends, readElf } = (await import(pathToFileURL(fileURLToPath(new URL('../bin/elf-needs.js', import.meta.url))).href)) as {
  debianDepends(libraries: Libraries): string;
  readElf(file: Buffer): { architecture: string; libraries: Libraries };
};

/** A small ELF file: one segment of everything, and a dynamic table that wants a library with one version of a symbol. */
function elf(machine: number, dynamic = true): Buffer {
  const file = Buffer.alloc(0x400);
  file.write('\x7fELF\x02\x01', 'latin1');
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, address: number, length: number) => {
    file.writeUInt32LE(type, at);
    for (const [field, value] of [
      [8, offset],
      [16, address],
      [32, length],
    ] as const)
      file.writeBigUInt64LE(BigInt(value), at + field);
  };
  segment(64, 1, 0, 0x10000, 0x400);
  segment(120, dynamic ? 2 : 0, 0x200, 0x10200, 5 * 16);
  const entries = [
    [1n, 1n],
    [5n, 0x10100n],
    [0x6ffffffen, 0x10300n],
    [0x6fffffffn, 1n],
  ] as const;
  for (const [index, [tag, value]] of entries.entries()) {
    file.writeBigUInt64LE(tag, 0x200 + index * 16);
    file.writeBigUInt64LE(value, 0x208 + index * 16);
  }
  file.write('\0libc.so.6\0GLIBC_2.28\0GLIBC_2.4\0', 0x100, 'latin1');
  file.writeUInt16LE(2, 0x302);
  file.writeUInt32LE(1, 0x304);
  file.writeUInt32LE(16, 0x308);
  file.writeUInt32LE(11, 0x318);
  file.writeUInt32LE(16, 0x31c);
  file.writeUInt32LE(22, 0x328);
  return file;
}

describe('the tables of an executable', () => {
  it.each([
    [62, 'amd64'],
    [183, 'arm64'],
  ])('of machine %i, which is %s', (machine, architecture) => {
    expect(readElf(elf(machine))).toEqual({ architecture, libraries: new Map([['libc.so.6', ['GLIBC_2.28', 'GLIBC_2.4']]]) });
  });

  it('of a static one want nothing', () => {
    expect(readElf(elf(62, false)).libraries.size).toBe(0);
  });

  it('of anything else are refused', () => {
    expect(() => readElf(elf(3))).toThrow('for x64 or arm64');
    expect(() => readElf(Buffer.alloc(64, '#!/bin/sh\n'))).toThrow('for x64 or arm64');
  });
});

describe('the packages', () => {
  const depends = (libraries: Record<string, readonly string[]>) => debianDepends(new Map(Object.entries(libraries)));

  it('are each named once, at the newest version that a symbol wants', () => {
    const libraries = {
      'libm.so.6': ['GLIBC_2.29'],
      'libc.so.6': ['GLIBC_2.4', 'GLIBC_2.28', 'GLIBC_2.3.4'],
      'libdl.so.2': [],
      'libstdc++.so.6': ['CXXABI_1.3.11', 'GLIBCXX_3.4.9', 'GLIBCXX_3.4.21'],
      'libgcc_s.so.1': ['GCC_3.0'],
      'libatomic.so.1': ['LIBATOMIC_1.0'],
    };
    expect(depends(libraries)).toBe('libatomic1 (>= 4.8), libc6 (>= 2.29), libgcc-s1 (>= 3.0), libstdc++6 (>= 5.2)');
    expect(depends({ 'libatomic.so.1': [] })).toBe('libatomic1');
  });

  it('that nobody knows are an error, and not left out', () => {
    expect(() => depends({ 'libssl.so.3': [] })).toThrow('libssl.so.3');
    expect(() => depends({ 'libstdc++.so.6': ['GLIBCXX_3.4.99'] })).toThrow('GLIBCXX_3.4.99');
  });
});
