import type { Disk, DiskEntry } from '../../src/core/doctor/disk.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { fileError } from '../../src/core/file-error.ts';
import type { Instant } from '../../src/core/time.ts';

export interface FakeFile {
  readonly text?: string;
  readonly bytes?: Uint8Array;
  readonly mode?: number;
  readonly modifiedAt?: number;
  readonly target?: string;
  readonly identity?: string;
  readonly kind?: DiskEntry['kind'];
}

export interface MemoryDisk extends Disk {
  look: Disk['look'];
  readonly files: Map<string, FakeFile>;
}

/** A disk of absolute paths; the directories above a file are there with mode 0700. `broken` paths cannot be read or changed. */
export function memoryDisk(files: Readonly<Record<string, FakeFile>>, broken: readonly string[] = []): MemoryDisk {
  const all = new Map(Object.entries(files));
  const refuse = (path: string): void => {
    if (broken.includes(path)) throw fileError({ code: 'EIO' }, path);
  };
  const names = (path: string): string[] => {
    const below = [...all.keys()].filter((file) => file.startsWith(`${path}/`));
    return [...new Set(below.map((file) => file.slice(path.length + 1).split('/')[0] as string))].sort();
  };
  const entryOf = (path: string): DiskEntry | undefined => {
    const file = all.get(path);
    if (file === undefined) {
      if (names(path).length === 0) return undefined;
      return { kind: 'directory', mode: 0o700, modifiedAt: 0 as Instant, identity: `dir:${path}` };
    }
    const { kind = file.target === undefined ? 'file' : 'symlink', mode = 0o600, modifiedAt = 0, identity = `file:${path}`, target } = file;
    return { kind, mode, modifiedAt: modifiedAt as Instant, identity, ...(target !== undefined && { target }) };
  };
  return {
    files: all,
    look: (path) => Promise.resolve(entryOf(path)),
    list: (path) => Promise.resolve(names(path)),
    read: async (path) => {
      await Promise.resolve(refuse(path));
      const file = all.get(path);
      if (file === undefined) throw fileError({ code: 'ENOENT' }, path);
      return file.bytes ?? utf8(file.text ?? '');
    },
    setMode: async (path, mode) => {
      await Promise.resolve(refuse(path));
      all.set(path, { ...all.get(path), ...(all.get(path) === undefined && { kind: 'directory' as const }), mode });
    },
    remove: async (path) => {
      await Promise.resolve(refuse(path));
      all.delete(path);
    },
  };
}
