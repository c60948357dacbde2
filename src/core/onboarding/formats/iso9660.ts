/**
 * A CD image with a few files in its root: ISO 9660 (ECMA-119) with Joliet names beside its own short ones. Every byte comes from the
 * arguments: no clock, no random volume id.
 */
import { concat, utf8 } from '../../encoding.ts';
import { type Artifact, malformed } from './artifact.ts';

const SECTOR = 2048;
/** ECMA-119: 16 sectors of system area, then the descriptors; then our path tables and root directories, one sector each. */
const PRIMARY = 16;
const JOLIET = 17;
const PATHS = { primary: 19, joliet: 21 };
const ROOTS = { primary: 23, joliet: 24 };
const FIRST_FILE = 25;
/** Joliet's names are UCS-2 in big-endian order; ECMA-119's are upper case with a version. */
type Spelling = 'primary' | 'joliet';

interface Place {
  readonly path: string;
  readonly sector: number;
  readonly size: number;
}

/**
 * @param label upper case letters and digits, at most 16. @param files names of letters, digits and `-`. @param at RFC 3339, the time of
 *   everything in the image.
 */
export function writeIso(label: string, files: readonly Artifact[], at: string): Uint8Array {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const places: Place[] = [];
  let sector = FIRST_FILE;
  for (const { path, bytes } of sorted) {
    places.push({ path, sector, size: bytes.length });
    sector += sectorsOf(bytes.length);
  }
  const image = Buffer.alloc(sector * SECTOR);
  const put = (at: number, bytes: Uint8Array) => image.set(bytes, at * SECTOR);
  put(PRIMARY, descriptor('primary', label, sector, at));
  put(JOLIET, descriptor('joliet', label, sector, at));
  put(JOLIET + 1, concat(Uint8Array.of(255), utf8('CD001'), Uint8Array.of(1)));
  for (const spelling of ['primary', 'joliet'] as const) {
    put(PATHS[spelling], pathTable(ROOTS[spelling], 'little'));
    put(PATHS[spelling] + 1, pathTable(ROOTS[spelling], 'big'));
    put(ROOTS[spelling], rootDirectory(spelling, places, at));
  }
  for (const [index, { bytes }] of sorted.entries()) put((places[index] as Place).sector, bytes);
  return image;
}

function sectorsOf(size: number): number {
  return Math.max(1, Math.ceil(size / SECTOR));
}

/** ECMA-119 7.2.3 and 7.3.3: both byte orders, little first. */
function both(value: number, bytes: 2 | 4): Uint8Array {
  const out = Buffer.alloc(2 * bytes);
  out.writeUIntLE(value, 0, bytes);
  out.writeUIntBE(value, bytes, bytes);
  return out;
}

/** Text padded with spaces, in the character set of its side. */
function padded(spelling: Spelling, text: string, length: number): Uint8Array {
  if (spelling === 'primary') return utf8(text.padEnd(length));
  return Buffer.from(text.padEnd(length >> 1), 'utf16le').swap16();
}

/** Sections 8.4 and 8.5; the escape sequence names UCS-2 level 3 (Joliet). */
function descriptor(spelling: Spelling, label: string, sectors: number, at: string): Uint8Array {
  const out = Buffer.alloc(SECTOR);
  const put = (offset: number, bytes: Uint8Array) => out.set(bytes, offset);
  const joliet = spelling === 'joliet';
  put(0, concat(Uint8Array.of(joliet ? 2 : 1), utf8('CD001'), Uint8Array.of(1, 0)));
  put(8, padded(spelling, '', 32));
  put(40, padded(spelling, label, 32));
  put(80, both(sectors, 4));
  if (joliet) put(88, utf8('%/E'));
  for (const offset of [120, 124]) put(offset, both(1, 2));
  put(128, both(SECTOR, 2));
  put(132, both(PATH_TABLE_SIZE, 4));
  out.writeUInt32LE(PATHS[spelling], 140);
  out.writeUInt32BE(PATHS[spelling] + 1, 148);
  put(156, record(Uint8Array.of(0), { sector: ROOTS[spelling], size: SECTOR }, at, true));
  for (const [offset, length] of [
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 37],
    [739, 37],
    [776, 37],
  ] as const) {
    put(offset, padded(spelling, '', length & ~Number(joliet)));
  }
  const time = utf8(`${at.replaceAll(/\D/g, '')}00\0`);
  const never = utf8(`${'0'.repeat(16)}\0`);
  for (const [index, stamp] of [time, time, never, never].entries()) put(813 + 17 * index, stamp);
  out[881] = 1;
  return out;
}

const PATH_TABLE_SIZE = 10;

/** Section 9.4: the root and nothing else. */
function pathTable(sector: number, order: 'little' | 'big'): Uint8Array {
  const out = Buffer.alloc(PATH_TABLE_SIZE);
  out[0] = 1;
  if (order === 'little') out.writeUInt32LE(sector, 2);
  else out.writeUInt32BE(sector, 2);
  out[order === 'little' ? 6 : 7] = 1;
  return out;
}

function rootDirectory(spelling: Spelling, places: readonly Place[], at: string): Uint8Array {
  const self = { sector: ROOTS[spelling], size: SECTOR };
  const entries = places.map((place) => record(fileName(spelling, place.path), place, at, false));
  return concat(record(Uint8Array.of(0), self, at, true), record(Uint8Array.of(1), self, at, true), ...entries);
}

function fileName(spelling: Spelling, path: string): Uint8Array {
  if (spelling === 'joliet') return Buffer.from(path, 'utf16le').swap16();
  return utf8(`${path.toUpperCase().replaceAll('-', '_')}.;1`);
}

/** Section 9.1. */
function record(name: Uint8Array, { sector, size }: Omit<Place, 'path'>, at: string, directory: boolean): Uint8Array {
  const [year, ...rest] = at.split(/\D/).map(Number);
  const time = Uint8Array.of((year as number) - 1900, ...rest.slice(0, 5), 0);
  const head = concat(both(sector, 4), both(size, 4), time, Uint8Array.of(directory ? 2 : 0, 0, 0), both(1, 2), Uint8Array.of(name.length));
  const length = 2 + head.length + name.length;
  return concat(Uint8Array.of(length + (length & 1), 0), head, name, new Uint8Array(length & 1));
}

/** True for bytes with a volume descriptor where ECMA-119 wants it. */
export function isIso(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(PRIMARY * SECTOR, PRIMARY * SECTOR + 6)).toString('latin1') === '\u0001CD001';
}

/** The files of {@link writeIso}'s root, by their Joliet names. @throws ERR_PACKAGE_MALFORMED */
export function readIso(image: Uint8Array, what: string): readonly Artifact[] {
  try {
    return entriesOf(Buffer.from(image.buffer, image.byteOffset, image.byteLength));
  } catch {
    // A position outside of the image.
    throw malformed(what, 'an image that joinery wrote', 'another');
  }
}

function entriesOf(view: Buffer): readonly Artifact[] {
  const files: Artifact[] = [];
  const end = (ROOTS.joliet + 1) * SECTOR;
  for (let at = ROOTS.joliet * SECTOR; at < end && view.readUInt8(at) !== 0; at += view.readUInt8(at)) {
    const [sector, size, directory] = [view.readUInt32LE(at + 2), view.readUInt32LE(at + 10), view.readUInt8(at + 25) !== 0];
    const name = view.subarray(at + 33, at + 33 + view.readUInt8(at + 32));
    const bytes = view.subarray(sector * SECTOR, sector * SECTOR + size);
    if (!directory) files.push({ path: Buffer.from(name).swap16().toString('utf16le'), bytes });
  }
  return files;
}
