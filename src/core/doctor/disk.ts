/** The file system as the doctor sees it: with owners, ages and links, and the two repairs that are safe. */
import type { Instant } from '../time.ts';

export interface DiskEntry {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly modifiedAt: Instant;
  /** Device and inode, to tell hard links of one file. */
  readonly identity: string;
  /** Where a symbolic link points to, as it is written. */
  readonly target?: string;
}

export interface Disk {
  /** undefined when there is nothing. Symbolic links are not followed. */
  look(path: string): Promise<DiskEntry | undefined>;
  /** Names in a directory, sorted; empty when there is none. @throws ERR_FILE_ACCESS */
  list(path: string): Promise<readonly string[]>;
  /** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Sets permission bits of a file or directory, never through a link. @throws ERR_FILE_* */
  setMode(path: string, mode: number): Promise<void>;
  /** Removes a file; no error when there is none. */
  remove(path: string): Promise<void>;
}
