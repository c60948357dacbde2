/** Files and switches in memory: as much of a file system as a node directory needs, quick enough for hundreds of nodes. */
import { fileError } from '../../src/core/file-error.ts';
import type { FileInfo, Files, Switches } from '../../src/core/ports.ts';

type Entry =
  | { readonly kind: 'file'; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly kind: 'directory'; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string };

export interface MemoryFiles extends Files {
  readonly switches: Switches;
  /** By normal path; a test may damage them. */
  readonly entries: Map<string, Entry>;
}

const normal = (path: string): string => path.replace(/\/\.(?=\/|$)/g, '').replace(/\/+$/, '');
const fail = (code: string, path: string) => fileError({ code }, path);

export function memoryFiles(): MemoryFiles {
  const entries = new Map<string, Entry>([['/node', { kind: 'directory', mode: 0o755 }]]);
  let made = 0;
  const need = (path: string): Entry => {
    const entry = entries.get(normal(path));
    if (entry === undefined) throw fail('ENOENT', path);
    return entry;
  };
  const put = (path: string, entry: Entry): void => void entries.set(normal(path), entry);
  const free = (path: string): void => {
    if (entries.has(normal(path))) throw fail('EEXIST', path);
  };
  const info = (entry: Entry): FileInfo => {
    made += 1;
    const size = entry.kind === 'file' ? entry.bytes.length : 0;
    return { kind: entry.kind, mode: entry.kind === 'symlink' ? 0o777 : entry.mode, size, identity: `${made}` };
  };
  return {
    entries,
    read: async (path) => {
      const entry = await Promise.resolve(need(path));
      if (entry.kind !== 'file') throw fail('EISDIR', path);
      return entry.bytes;
    },
    create: async (path, bytes, mode) => {
      await Promise.resolve(free(path));
      put(path, { kind: 'file', bytes, mode });
    },
    replace: (path, bytes, mode) => Promise.resolve(put(path, { kind: 'file', bytes, mode })),
    makeDirectory: async (path, mode) => {
      await Promise.resolve(free(path));
      put(path, { kind: 'directory', mode });
    },
    remove: (path) => Promise.resolve(void entries.delete(normal(path))),
    removeDirectory: (path) => Promise.resolve(void entries.delete(normal(path))),
    stat: (path) => {
      const entry = entries.get(normal(path));
      return Promise.resolve(entry && info(entry));
    },
    list: (path) => {
      const prefix = `${normal(path)}/`;
      const below = [...entries.keys()]
        .filter((entry) => entry.startsWith(prefix))
        .map((entry) => entry.slice(prefix.length).split('/')[0] as string);
      return Promise.resolve([...new Set(below)].sort());
    },
    switches: {
      move: async (from, to) => {
        await Promise.resolve(free(to));
        for (const [path, entry] of Array.from(entries)) {
          if (path !== from && !path.startsWith(`${from}/`)) continue;
          entries.delete(path);
          entries.set(`${to}${path.slice(from.length)}`, entry);
        }
      },
      target: (path) => {
        const entry = entries.get(normal(path));
        return Promise.resolve(entry?.kind === 'symlink' ? entry.target : undefined);
      },
      point: (path, target) => Promise.resolve(put(path, { kind: 'symlink', target })),
    },
  };
}
