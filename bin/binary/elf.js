// Drops what only a debugger reads from an ELF executable, as `strip` does, but without a tool that may be missing or of another version: the
// same input gives the same bytes everywhere.

const SHF_ALLOC = 2n;
const SHT_NOBITS = 8;

/** @param {Buffer} file 64-bit little-endian ELF @returns {Buffer} without the sections that are not loaded */
export function stripElf(file) {
  const { offset, size, count, names } = headerOf(file);
  const headers = Array.from({ length: count }, (_, number) => file.subarray(offset + number * size, offset + (number + 1) * size));
  const sections = headers.map((bytes, number) => ({ bytes: Buffer.from(bytes), number, ...sectionOf(bytes) }));
  const kept = sections.filter(({ flags, number }) => number === 0 || number === names || (flags & SHF_ALLOC) !== 0n);
  const loaded = kept.filter(({ number, type }) => number !== 0 && number !== names && type !== SHT_NOBITS);
  const end = Math.max(...loaded.map(({ start, length }) => start + length));
  if (sections.some(({ flags, start, type }) => (flags & SHF_ALLOC) === 0n && type !== 0 && start < end)) {
    throw new Error('expected an ELF file whose unloaded sections are last, found one between the loaded');
  }
  return assemble(file, end, sections, kept, names);
}

function assemble(file, end, sections, kept, names) {
  const { start, length } = sections[names];
  const table = file.subarray(start, start + length);
  const head = Buffer.from(file.subarray(0, end));
  const headersAt = Math.ceil((end + length) / 8) * 8;
  const newNumber = new Map(kept.map(({ number }, index) => [number, index]));
  for (const { bytes, number, link } of kept) {
    if (number === names) bytes.writeBigUInt64LE(BigInt(end), 24);
    bytes.writeUInt32LE(newNumber.get(link) ?? 0, 40);
  }
  head.writeBigUInt64LE(BigInt(headersAt), 40);
  head.writeUInt16LE(kept.length, 60);
  head.writeUInt16LE(newNumber.get(names), 62);
  return Buffer.concat([head, table, Buffer.alloc(headersAt - end - length), ...kept.map(({ bytes }) => bytes)]);
}

function headerOf(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) throw new Error('expected a 64-bit little-endian ELF file');
  return {
    offset: Number(file.readBigUInt64LE(40)),
    size: file.readUInt16LE(58),
    count: file.readUInt16LE(60),
    names: file.readUInt16LE(62),
  };
}

function sectionOf(bytes) {
  return {
    type: bytes.readUInt32LE(4),
    flags: bytes.readBigUInt64LE(8),
    start: Number(bytes.readBigUInt64LE(24)),
    length: Number(bytes.readBigUInt64LE(32)),
    link: bytes.readUInt32LE(40),
  };
}
