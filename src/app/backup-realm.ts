/**
 * A backup is a directory: a consistent copy of state.db, the configuration, keys/ (as encrypted as they are), ca/, policies/, and
 * backup.json with every digest. The digests find damage; whoever can write to the backup can also forge them, so its own
 * digest is in the audit log.
 */
import { JoineryError } from '../core/errors.ts';
import type { Files, StoreEngine } from '../core/ports.ts';
import { BACKUP_MANIFEST, type BackupFile, backupDigest, backupFile, backupManifestBytes, isBackupPath } from '../core/realm/backup.ts';
import { formatInstant } from '../core/time.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRealmRecord } from './realm-record.ts';

/** Largest file that is read whole: a state of some million tokens. */
export const MAX_BACKUP_FILE = 4 * 1024 ** 3;

export const STATE_FILE = 'state.db';
export const CONFIG_FILES = ['joinery.yaml', 'joinery.yml', 'joinery.json'];
const DIRECTORIES = ['keys', 'ca', 'policies'];

export interface BackupResult {
  readonly directory: string;
  readonly files: number;
  readonly auditSize: number;
  /** SHA-256 of backup.json. */
  readonly digest: string;
}

/**
 * Writes a backup into a new directory, 0700 with files 0600.
 * @throws ERR_FILE_EXISTS, ERR_FILE_*, ERR_STORE_BUSY
 */
export async function backupRealm(realm: Realm, engine: StoreEngine, out: string): Promise<BackupResult> {
  const { realm_id: realmId } = parseRealmRecord((await realm.store.get('realm'))?.value);
  const { files } = realm;
  const created = realm.clock.now();
  await files.makeDirectory(out, 0o700);
  await assertOutside(files, realm.directory, out);
  const auditSize = await realm.store.auditSize();
  // The state first: a key is written before the record that names it, so each key that the copy names is there.
  await engine.copy(`${realm.directory}/${STATE_FILE}`, `${out}/${STATE_FILE}`);
  const state = backupFile(STATE_FILE, await files.read(`${out}/${STATE_FILE}`, MAX_BACKUP_FILE));
  const rows = [state, ...(await copyFiles(files, realm.directory, out))];
  const { found } = await engine.formatOf(`${out}/${STATE_FILE}`);
  const manifest = backupManifestBytes({
    schema: 'joinery/realm-backup/1',
    realm_id: realmId,
    created_at: formatInstant(created),
    format_version: found,
    audit_size: auditSize,
    files: rows,
  });
  await files.create(`${out}/${BACKUP_MANIFEST}`, manifest, 0o600);
  const digest = backupDigest(manifest);
  const details = { digest, files: rows.length, audit_size: auditSize };
  await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, { event: 'realm.backup', subject: realmId, details })] });
  return { directory: out, files: rows.length, auditSize, digest };
}

/** A backup among the keys would copy itself, and every later one with it. */
export async function assertOutside(files: Files, directory: string, out: string): Promise<void> {
  const identity = (await files.stat(out))?.identity;
  for (const name of await directoriesOf(files, directory)) {
    if (!(await contains(files, `${directory}/${name}`, identity))) continue;
    await files.removeDirectory(out);
    throw new JoineryError('ERR_USAGE', `--out: expected a directory outside ${directory}/${name}, found ${out}`);
  }
}

async function contains(files: Files, directory: string, identity: string | undefined): Promise<boolean> {
  for (const name of await files.list(directory)) {
    const found = await files.stat(`${directory}/${name}`);
    if (found?.identity === identity) return true;
    if (found?.kind === 'directory' && (await contains(files, `${directory}/${name}`, identity))) return true;
  }
  return false;
}

async function copyFiles(files: Files, from: string, to: string): Promise<BackupFile[]> {
  const rows: BackupFile[] = [];
  for (const name of CONFIG_FILES) {
    if ((await files.stat(`${from}/${name}`)) !== undefined) rows.push(await copyFile(files, from, to, name));
  }
  for (const name of await directoriesOf(files, from)) rows.push(...(await copyTree(files, from, to, name)));
  return rows;
}

/** Those that there are: not every realm has policies. */
export async function directoriesOf(files: Files, directory: string): Promise<readonly string[]> {
  const found = await files.list(directory);
  return DIRECTORIES.filter((name) => found.includes(name));
}

/** Copies a directory of a realm, its files 0600. @throws ERR_FILE_* */
export async function copyTree(files: Files, from: string, to: string, path: string): Promise<BackupFile[]> {
  const rows: BackupFile[] = [];
  await files.makeDirectory(`${to}/${path}`, 0o700);
  for (const name of await files.list(`${from}/${path}`)) {
    const inner = `${path}/${name}`;
    const kind = (await files.stat(`${from}/${inner}`))?.kind;
    if (kind === 'directory') rows.push(...(await copyTree(files, from, to, inner)));
    else if (kind === 'file' && isBackupPath(inner)) rows.push(await copyFile(files, from, to, inner));
    else throw unexpected(`${from}/${inner}`, kind);
  }
  return rows;
}

export async function copyFile(files: Files, from: string, to: string, path: string): Promise<BackupFile> {
  const bytes = await files.read(`${from}/${path}`, MAX_BACKUP_FILE);
  await files.create(`${to}/${path}`, bytes, 0o600);
  return backupFile(path, bytes);
}

function unexpected(path: string, kind: string | undefined): JoineryError {
  return new JoineryError(
    'ERR_FILE_ACCESS',
    `${path}: expected a plain file of a realm, found ${kind === 'file' ? 'another name' : kind}`,
    {
      hint: 'move it out of the realm, remove the unfinished backup, and run the command again',
    },
  );
}
