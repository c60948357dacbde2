/** A deterministic tar archive (POSIX ustar): order, times and owners come from the arguments. */
import { decodeUtf8 } from '../../encoding.ts';
import { JoineryError } from '../../errors.ts';
import { parseInstant } from '../../time.ts';
import type { NodeFile, NodePlan } from '../files.ts';
import { artifactOf, type Carried, type Format, malformed } from './artifact.ts';

const BLOCK = 512;
export const TAR_PATH = 'node.tar';

/** An entry: a file, or a directory where `bytes` are left out. */
export interface TarEntry {
  /** Relative. */
  readonly path: string;
  readonly owner: string;
  readonly mode: number;
  readonly bytes?: Uint8Array;
}

/** For `tar -xpf node.tar -C /`; afterwards `bin/setup` of the node directory is run by hand. */
export const tar: Format = {
  encode: (plan) => [{ path: TAR_PATH, bytes: writeTar(entriesOf(plan), parseInstant(plan.onboarding.created_at) as number) }],
  decode: (artifacts) => filesOf(artifactOf(artifacts, TAR_PATH)),
};

function entriesOf({ secrets, files }: NodePlan): readonly TarEntry[] {
  return [secrets, ...files].map((entry) => ({ ...entry, path: entry.path.slice(1) }));
}

function filesOf(archive: Uint8Array): Carried {
  const files = readTar(archive, TAR_PATH).flatMap(({ path, owner, mode, bytes }): NodeFile[] =>
    bytes === undefined ? [] : [{ path: `/${path}`, owner, mode, bytes }],
  );
  return { files };
}

/** @param time seconds since 1970 of every entry. @throws ERR_PACKAGE_PATH for a path that ustar cannot hold */
export function writeTar(entries: readonly TarEntry[], time: number): Uint8Array {
  const size = entries.reduce((sum, { bytes }) => sum + BLOCK + blocksOf(bytes?.length ?? 0), 0) + 2 * BLOCK;
  const archive = Buffer.alloc(size);
  let at = 0;
  for (const entry of entries) {
    archive.set(header(entry, time), at);
    archive.set(entry.bytes ?? [], at + BLOCK);
    at += BLOCK + blocksOf(entry.bytes?.length ?? 0);
  }
  return archive;
}

function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function header({ path, owner, mode, bytes }: TarEntry, time: number): Uint8Array {
  const out = Buffer.alloc(BLOCK);
  const number = (value: number, offset: number, digits: number) => out.write(`${value.toString(8).padStart(digits, '0')}\0`, offset);
  const { prefix, name } = splitPath(bytes === undefined ? `${path}/` : path);
  const [user, group] = owner.split(':') as [string, string];
  out.write(name, 0);
  number(mode, 100, 7);
  number(idOf(user), 108, 7);
  number(idOf(group), 116, 7);
  number(bytes?.length ?? 0, 124, 11);
  number(time, 136, 11);
  out.fill(' ', 148, 156);
  out.write(bytes === undefined ? '5' : '0', 156);
  out.write('ustar\u000000', 257, 'latin1');
  out.write(nameOf(user), 265);
  out.write(nameOf(group), 297);
  out.write(prefix, 345);
  const sum = out.reduce((total, byte) => total + byte, 0);
  out.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return out;
}

const NUMBER = /^\d+$/;

/** A name is looked up where the archive is unpacked; 0 is what is left where nobody has it. */
function idOf(who: string): number {
  return NUMBER.test(who) ? Number(who) : 0;
}

function nameOf(who: string): string {
  return NUMBER.test(who) ? '' : who;
}

function splitPath(path: string): { readonly prefix: string; readonly name: string } {
  if (path.length <= 100) return { prefix: '', name: path };
  for (let at = path.indexOf('/'); at !== -1 && at <= 155; at = path.indexOf('/', at + 1)) {
    const name = path.slice(at + 1);
    if (name !== '' && name.length <= 100) return { prefix: path.slice(0, at), name };
  }
  throw new JoineryError(
    'ERR_PACKAGE_PATH',
    `${path}: expected a path that tar can hold (100 characters after a slash), found a longer one`,
  );
}

/** True for bytes that start with a header of ustar. */
export function isTar(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(257, 262)).toString('latin1') === 'ustar';
}

/** Reads {@link writeTar}'s form. @throws ERR_PACKAGE_MALFORMED */
export function readTar(archive: Uint8Array, what: string): readonly TarEntry[] {
  const entries: TarEntry[] = [];
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const head = archive.subarray(at, at + BLOCK);
    const text = (offset: number, length: number) => decodeUtf8(head.subarray(offset, offset + length), what).replace(/\0.*$/s, '');
    const number = (offset: number, length: number) => Number.parseInt(text(offset, length), 8);
    const [size, prefix, type] = [number(124, 12), text(345, 155), text(156, 1)];
    const end = at + BLOCK + size;
    if (!isTar(head) || !(size >= 0) || end > archive.length || !['0', '5'].includes(type))
      throw malformed(what, 'a tar archive of files', 'another');
    const path = `${prefix === '' ? '' : `${prefix}/`}${text(0, 100)}`;
    const owner = `${text(265, 32) || number(108, 8)}:${text(297, 32) || number(116, 8)}`;
    const entry = { path: path.replace(/\/$/, ''), owner, mode: number(100, 8) };
    entries.push(type === '5' ? entry : { ...entry, bytes: archive.subarray(at + BLOCK, end) });
    at += BLOCK + blocksOf(size);
  }
  return entries;
}
