// What an executable of Linux needs of the system, read from its own tables (System V ABI, chapters 4 and 5; LSB, symbol versioning).

const [PT_LOAD, PT_DYNAMIC] = [1, 2];
const [DT_NEEDED, DT_STRTAB] = [1n, 5n];
const [DT_VERNEED, DT_VERNEEDNUM] = [0x6ffffffen, 0x6fffffffn];
/** e_machine to Debian's name. */
const ARCHITECTURES = new Map([
  [62, 'amd64'],
  [183, 'arm64'],
]);

function segments(file) {
  const [start, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    const [offset, address, length] = [8, 16, 32].map((field) => Number(file.readBigUInt64LE(at + field)));
    return { type: file.readUInt32LE(at), offset, address, length };
  });
}

function dynamicEntries(file, { offset, length }) {
  return Array.from({ length: Math.floor(length / 16) }, (_, index) => [
    file.readBigUInt64LE(offset + index * 16),
    Number(file.readBigUInt64LE(offset + index * 16 + 8)),
  ]);
}

/** The versions of symbols that are wanted, for each library. */
function versions(file, start, count, text) {
  const wanted = new Map();
  for (let at = start, left = count; left > 0; left--, at += file.readUInt32LE(at + 12)) {
    const names = [];
    for (let aux = at + file.readUInt32LE(at + 8), more = file.readUInt16LE(at + 2); more > 0; more--, aux += file.readUInt32LE(aux + 12)) {
      names.push(text(file.readUInt32LE(aux + 8)));
    }
    wanted.set(text(file.readUInt32LE(at + 4)), names);
  }
  return wanted;
}

/** @returns Debian's architecture, and each library with the versions of its symbols that the executable wants */
export function readElf(file) {
  const architecture = ARCHITECTURES.get(file.readUInt16LE(18));
  if (file.toString('latin1', 0, 6) !== '\x7fELF\x02\x01' || architecture === undefined) {
    throw new Error('expected an executable of Linux for x64 or arm64, found something else');
  }
  const all = segments(file);
  const dynamic = all.find(({ type }) => type === PT_DYNAMIC);
  if (dynamic === undefined) return { architecture, libraries: new Map() };
  const place = (address) => {
    const segment = all.find((one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.length);
    return address - segment.address + segment.offset;
  };
  const entries = dynamicEntries(file, dynamic);
  const value = (tag) => entries.find(([own]) => own === tag)?.[1];
  const strings = place(value(DT_STRTAB));
  const text = (at) => file.toString('latin1', strings + at, file.indexOf(0, strings + at));
  const count = value(DT_VERNEEDNUM) ?? 0;
  const wanted = count === 0 ? new Map() : versions(file, place(value(DT_VERNEED)), count, text);
  const needed = entries.filter(([tag]) => tag === DT_NEEDED).map(([, at]) => text(at));
  return { architecture, libraries: new Map(needed.map((name) => [name, wanted.get(name) ?? []])) };
}

const GLIBC = ['libc6', 'GLIBC_'];
/** Library to Debian package, and the prefix of the symbol versions that say how new it must be. */
const PACKAGES = {
  'libc.so.6': GLIBC,
  'libm.so.6': GLIBC,
  'libdl.so.2': GLIBC,
  'libpthread.so.0': GLIBC,
  'librt.so.1': GLIBC,
  'ld-linux-x86-64.so.2': GLIBC,
  'ld-linux-aarch64.so.1': GLIBC,
  'libstdc++.so.6': ['libstdc++6', 'GLIBCXX_'],
  'libgcc_s.so.1': ['libgcc-s1', 'GCC_'],
  'libatomic.so.1': ['libatomic1', 'LIBATOMIC_'],
};
/** Package versions by symbol version, where they are not the same (Debian's symbols files). */
const NEWER = { 'GLIBCXX_3.4.21': '5.2', 'LIBATOMIC_1.0': '4.8' };

const byVersion = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** The Depends field. A library or a version that is not known here is an error: nobody would have noticed otherwise. */
export function debianDepends(libraries) {
  const least = new Map();
  for (const [library, names] of libraries) {
    const [name, prefix] = PACKAGES[library] ?? [];
    if (name === undefined) throw new Error(`expected libraries with a known package, found ${library}; add it to bin/elf-needs.js`);
    const newest = names
      .filter((version) => version.startsWith(prefix))
      .sort(byVersion)
      .at(-1);
    if (newest === undefined) least.set(name, least.get(name) ?? []);
    else least.set(name, [...(least.get(name) ?? []), packageVersion(newest, prefix)]);
  }
  return [...least]
    .map(([name, wanted]) => (wanted.length === 0 ? name : `${name} (>= ${wanted.sort(byVersion).at(-1)})`))
    .sort(byVersion)
    .join(', ');
}

function packageVersion(symbol, prefix) {
  if (prefix === 'GLIBC_' || prefix === 'GCC_') return symbol.slice(prefix.length);
  const known = NEWER[symbol];
  if (known === undefined)
    throw new Error(`expected symbol versions with a known package version, found ${symbol}; add it to bin/elf-needs.js`);
  return known;
}
