/** What the rules need from the world. Each port has one adapter or more in `src/adapters` and a fake in `test/fakes`. */
import type { JsonObject, JsonValue } from './canonical-json.ts';
import type { Secret } from './secret.ts';
import type { Instant } from './time.ts';

export interface Clock {
  now(): Instant;
}

export interface Random {
  /** Cryptographically strong bytes; the caller owns the array. */
  bytes(length: number): Uint8Array;
}

// --- the store ---------------------------------------------------------------------------------------------------------

export interface Versioned {
  readonly value: JsonValue;
  /** Grows with every write of the key; never reused after a delete. */
  readonly version: number;
}

export interface StoreEntry extends Versioned {
  readonly key: string;
}

export interface StoreCheck {
  readonly key: string;
  readonly version: number | 'absent';
}

export type StoreWrite = { readonly key: string; readonly value: JsonValue } | { readonly key: string; readonly delete: true };

/** An audit event before the store gives it its place in the log. */
export interface AuditEvent {
  readonly time: Instant;
  readonly event: string;
  readonly actor: { readonly name: string; readonly verified: boolean };
  readonly subject: string;
  readonly environment: string;
  readonly correlation_id: string;
  readonly result: 'ok' | 'refused' | 'failed';
  readonly reason?: string;
  readonly details?: JsonObject;
}

export interface Commit {
  /** All must hold, or nothing is written. */
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
  readonly audit: readonly AuditEvent[];
}

export type CommitResult =
  | { readonly ok: true; /** Sequence numbers of the audit records, in order. */ readonly audit: readonly number[] }
  | { readonly ok: false; readonly conflict: string };

/** A stored audit record: the exact bytes (RFC 8785) and the leaf hash that the Merkle tree holds for them. */
export interface StoredAuditRecord {
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
}

/** All state of a realm, with optimistic concurrency. A commit is durable when its promise resolves with `ok: true`. */
export interface Store {
  get(key: string): Promise<Versioned | undefined>;
  /** Entries whose key starts with `prefix`, in byte order of keys, after `after`, at most `limit` (default 1000). */
  list(prefix: string, page?: { readonly after?: string; readonly limit?: number }): Promise<readonly StoreEntry[]>;
  commit(commit: Commit): Promise<CommitResult>;
  /** Calls back after commits that touch the prefix, made by any process; stop with the function that is returned. */
  watch(prefix: string, onChange: (keys: readonly string[]) => void): () => void;
  /** Audit records from `from` on (sequence numbers start at 0), at most `limit`. */
  auditRecords(from: number, limit: number): Promise<readonly StoredAuditRecord[]>;
  /** How many audit records there are. */
  auditSize(): Promise<number>;
  close(): Promise<void>;
}

/** Where stores lie, for backup, restore and upgrade. Paths name the state file. */
export interface StoreEngine {
  /** @throws ERR_REALM_NOT_FOUND, ERR_REALM_VERSION, ERR_REALM_MALFORMED, ERR_FILE_ACCESS, ERR_STORE_BUSY */
  open(path: string): Promise<Store>;
  /** Copies the state as it is between two commits to a new 0600 file, synced. @throws ERR_FILE_EXISTS, ERR_FILE_DISK_FULL and as {@link open} */
  copy(from: string, to: string): Promise<void>;
  /** Format version of the file, and the one that this release writes. */
  formatOf(path: string): Promise<{ readonly found: number; readonly current: number }>;
  /** Brings an older file to the current format, with its audit record, in one step. @returns the version that was found. */
  upgrade(path: string, event: AuditEvent): Promise<number>;
}

// --- the person and the machine ----------------------------------------------------------------------------------------

export interface Files {
  /** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Makes a file with its final mode, synced; never overwrites. @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS, ERR_FILE_DISK_FULL */
  create(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** Replaces or makes a file in one step (temporary file beside it, sync, rename, sync of the directory). */
  replace(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** Makes a directory with its final mode (its parents must exist). @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Removes a file; no error when there is none. */
  remove(path: string): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: string): Promise<void>;
  /** undefined when there is nothing. Symbolic links are not followed. */
  stat(path: string): Promise<FileInfo | undefined>;
  /** Names in a directory, sorted. */
  list(path: string): Promise<readonly string[]>;
}

export interface FileInfo {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  /** Device and inode, to tell hard links of one file. */
  readonly identity: string;
}

/** A directory that is written whole beside its place. */
export interface StagedDirectory {
  /** Moves it to its place in one step, never over anything. @throws ERR_FILE_EXISTS */
  publish(): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

/**
 * Writes a directory (0700) with its files, each with its final mode and synced, under a temporary name beside `path`, so that
 * nobody ever sees half of it. Paths are relative with `/`, at most one directory deep.
 * @throws ERR_FILE_EXISTS, ERR_FILE_NOT_FOUND (the parent), ERR_FILE_ACCESS, ERR_FILE_DISK_FULL
 */
export type StageDirectory = (
  path: string,
  files: readonly { readonly path: string; readonly bytes: Uint8Array; readonly mode: number }[],
) => Promise<StagedDirectory>;

/** Steps of a change of files that others see whole or not at all. */
export interface Switches {
  /** Gives a directory its name, where nothing has it yet, and syncs. @throws ERR_FILE_EXISTS, ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS */
  move(from: string, to: string): Promise<void>;
  /** What a symbolic link points to; undefined when nothing is there. @throws ERR_FILE_ACCESS for what is no link */
  target(path: string): Promise<string | undefined>;
  /** Points a symbolic link to something else in one step, and syncs. */
  point(path: string, target: string): Promise<void>;
}

/** A directory of very many small files, in the making. */
export interface StagedTree {
  /** Writes a new file with its final mode; the one directory above it is made. Not synced: {@link sync} is last. */
  write(path: string, bytes: Uint8Array, mode: number): void;
  /** As {@link write}, then on the disk: the digests by which every other file is known to have arrived. */
  sync(path: string, bytes: Uint8Array, mode: number): Promise<void>;
  /** As {@link StagedDirectory.publish}. */
  publish(): Promise<void>;
  discard(): Promise<void>;
}

/** Begins a directory (0700) under a temporary name beside `path`. @throws as {@link StageDirectory} */
export type StageTree = (path: string) => Promise<StagedTree>;

/** Asks the person at the terminal. Every method throws ERR_USAGE_NO_TERMINAL, with the flags to use instead, without one. */
export interface Prompter {
  passphrase(question: string, options: { readonly confirm: boolean; readonly instead: string }): Promise<Secret>;
  /** Tells what is about to happen, and wants a name typed for it: nobody agrees by habit to what cannot be undone. Another name is refused. */
  confirmName(name: string, options: { readonly about: string; readonly verb: string; readonly instead: string }): Promise<void>;
}

/** Shows that something is going on; prints on a terminal only. */
export interface Progress {
  /** `work` may say how far it is, in the place of the label. */
  step<T>(label: string, work: (say: (label: string) => void) => Promise<T>): Promise<T>;
}
