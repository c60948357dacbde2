/** The state file as a file: made, opened, checked, upgraded, copied. Synchronous: it runs inside the store's worker thread. */
import { closeSync, fsyncSync, lstatSync, openSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { leafHash } from '../core/audit/merkle.ts';
import { auditRecord } from '../core/audit/record.ts';
import { JoineryError } from '../core/errors.ts';
import type { AuditEvent } from '../core/ports.ts';
import { fileError } from '../core/file-error.ts';
import { malformed, translated } from './sqlite-errors.ts';
import type { StoreFormat } from './sqlite-format.ts';

/** 'join': `PRAGMA application_id`, by which `file` and we tell a realm's state from any other database. */
const APPLICATION_ID = 0x6a6f696e;

/** Makes the state file, 0600 before SQLite sees it, and its tables, or leaves nothing. @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS, ERR_FILE_DISK_FULL */
export function createDatabase(path: string, format: StoreFormat, timeoutMs: number): DatabaseSync {
  createEmptyFile(path);
  return translated(path, () => {
    const db = connect(path, timeoutMs);
    try {
      makeTables(db, format);
      return db;
    } catch (error) {
      db.close();
      for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
      throw error;
    }
  });
}

function makeTables(db: DatabaseSync, format: StoreFormat): void {
  // Both hold only when set before the first table.
  db.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE');
  for (const statement of format.schema) db.exec(statement);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${format.version}; COMMIT`);
}

/** Opens a state file of exactly this format. @throws ERR_REALM_NOT_FOUND, ERR_REALM_VERSION, ERR_REALM_MALFORMED, ERR_FILE_ACCESS, ERR_STORE_BUSY */
export function openDatabase(path: string, format: StoreFormat, timeoutMs: number): DatabaseSync {
  return opened(path, timeoutMs, (db) => {
    const found = formatOf(db, path);
    if (found < format.version) {
      throw versionError(path, found, format, 'run joinery realm upgrade');
    }
    assertNotNewer(path, found, format);
    assertSchema(db, path, format);
  });
}

/**
 * Opens a state file and brings it to `format`, with the audit record of it, in one transaction.
 * @returns the version that was found.
 * @throws as {@link openDatabase}
 */
export function upgradeDatabase(path: string, format: StoreFormat, timeoutMs: number, event: AuditEvent): number {
  let found = format.version;
  const db = opened(path, timeoutMs, (candidate) => {
    candidate.exec('BEGIN IMMEDIATE');
    found = formatOf(candidate, path);
    assertNotNewer(path, found, format);
    if (found === format.version) return;
    for (let version = found; version < format.version; version++) migrate(candidate, path, format, version);
    candidate.exec(`PRAGMA user_version = ${format.version}`);
    assertSchema(candidate, path, format);
    const { seq } = candidate.prepare('SELECT coalesce(max(seq), -1) + 1 AS seq FROM audit').get() as { seq: number };
    const bytes = auditRecord(seq, event);
    candidate.prepare('INSERT INTO audit (seq, bytes, leaf) VALUES (?, ?, ?)').run(seq, bytes, leafHash(bytes));
  });
  translated(path, () => {
    db.exec('COMMIT');
    db.close();
  });
  return found;
}

/** The format version of a state file of any age. @throws as {@link openDatabase} */
export function formatOfFile(path: string, timeoutMs: number): number {
  let found = 0;
  opened(path, timeoutMs, (db) => {
    found = formatOf(db, path);
  }).close();
  return found;
}

/** Copies a state file of any age, as it is between two commits, to a new 0600 file, synced. @throws ERR_FILE_EXISTS and as {@link openDatabase} */
export function copyDatabase(from: string, to: string, timeoutMs: number): void {
  const db = opened(from, timeoutMs, (candidate) => {
    formatOf(candidate, from);
  });
  try {
    createEmptyFile(to);
    translated(to, () => db.prepare('VACUUM INTO ?').run(to));
    syncFile(to);
  } finally {
    db.close();
  }
}

function connect(path: string, timeoutMs: number): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: timeoutMs, allowExtension: false, enableForeignKeyConstraints: true });
  db.exec('PRAGMA trusted_schema = OFF; PRAGMA synchronous = FULL');
  return db;
}

function opened(path: string, timeoutMs: number, check: (db: DatabaseSync) => void): DatabaseSync {
  assertPrivateFile(path);
  return translated(path, () => {
    const db = connect(path, timeoutMs);
    try {
      check(db);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function formatOf(db: DatabaseSync, path: string): number {
  const { application_id: application } = db.prepare('PRAGMA application_id').get() as { application_id: number };
  if (application !== APPLICATION_ID) throw malformed(path, "found another application's database or an unfinished one");
  return (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version;
}

function assertNotNewer(path: string, found: number, format: StoreFormat): void {
  if (found > format.version) throw versionError(path, found, format, 'use the joinery release that wrote it, or a later one');
}

function versionError(path: string, found: number, format: StoreFormat, hint: string): JoineryError {
  return new JoineryError('ERR_REALM_VERSION', `${path}: expected format version ${format.version}, found ${found}`, {
    hint,
    details: { found, expected: format.version },
  });
}

/** Tables, and no trigger or view that somebody planted: what is committed must be what was asked for. */
function assertSchema(db: DatabaseSync, path: string, format: StoreFormat): void {
  const rows = db.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all() as { sql: string }[];
  const found = rows.map((row) => row.sql).sort();
  if (JSON.stringify(found) !== JSON.stringify([...format.schema].sort()))
    throw malformed(path, `found other tables than format ${format.version} has`);
}

function migrate(db: DatabaseSync, path: string, format: StoreFormat, from: number): void {
  const migration = format.migrations.find((candidate) => candidate.from === from);
  if (migration === undefined) throw versionError(path, from, format, 'use an older joinery release that knows this version first');
  for (const statement of migration.sql) db.exec(statement);
}

function createEmptyFile(path: string): void {
  try {
    // SQLite itself would make it 0644 by the umask; its -wal and -shm files take this file's mode.
    closeSync(openSync(path, 'wx', 0o600));
    syncFile(dirname(path));
  } catch (error) {
    throw fileError(error, path);
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function assertPrivateFile(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new JoineryError('ERR_REALM_NOT_FOUND', `${path}: expected the state of a realm, found nothing`, {
      hint: 'make a realm: joinery init',
    });
  if (!stat.isFile())
    throw new JoineryError(
      'ERR_FILE_ACCESS',
      `${path}: expected a plain file, found ${stat.isSymbolicLink() ? 'a symbolic link' : 'something else'}`,
    );
  const mode = stat.mode & 0o777;
  // Windows has no such bits.
  if ((mode & 0o077) === 0 || process.platform === 'win32') return;
  throw new JoineryError(
    'ERR_FILE_ACCESS',
    `${path}: expected mode 0600, found 0${mode.toString(8)}: others can read or change the state`,
    {
      hint: `chmod 600 ${path}, after asking who could have changed it`,
    },
  );
}
