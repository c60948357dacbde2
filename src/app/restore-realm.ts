/**
 * Makes a realm from a backup. What was spent after the backup is not known to it: so every token that was issued before the
 * restore is refused from then on. Revocations after the backup are lost with it; the result says since when, and those that come are told
 * to whoever heard of the lost ones, too.
 */
import { JoineryError } from '../core/errors.ts';
import type { Files, Store, StoreEngine, Versioned } from '../core/ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import { BACKUP_MANIFEST, type BackupFile, backupFile, type BackupManifest, parseBackupManifest } from '../core/realm/backup.ts';
import { formatInstant, type Instant, parseInstant, plus } from '../core/time.ts';
import { MAX_BACKUP_FILE, STATE_FILE } from './backup-realm.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { parseRealmRecord, type RealmRecord } from './realm-record.ts';
import { skipLostRevocations } from './revocation-log.ts';

const MAX_MANIFEST = 16 * 1024 * 1024;

type World = Pick<Realm, 'files' | 'clock' | 'caller'>;

export interface RestoreInput {
  /** Directory of the backup. */
  readonly backup: string;
  /** Directory to make, or an empty one. */
  readonly to: string;
  /** The configuration that lies in the backup. */
  readonly config: RealmConfig;
}

export interface RestoreResult {
  readonly realmId: string;
  /** When the backup was made: what happened since, revocations too, is not in the realm. */
  readonly backupCreatedAt: string;
  /** Tokens issued before this are refused. */
  readonly tokenNotBefore: Instant;
}

/**
 * Checks every digest before anything is written; writes the configuration last, as the sign that the realm is whole.
 * @throws ERR_BACKUP_MALFORMED, ERR_BACKUP_DIGEST, ERR_REALM_EXISTS, ERR_CLOCK_BEHIND, ERR_FILE_*
 */
export async function restoreRealm(world: World, engine: StoreEngine, input: RestoreInput): Promise<RestoreResult> {
  const { files } = world;
  const { backup, to } = input;
  const manifest = parseBackupManifest(await files.read(`${backup}/${BACKUP_MANIFEST}`, MAX_MANIFEST), `${backup}/${BACKUP_MANIFEST}`);
  assertClock(world, manifest);
  for (const row of manifest.files) await readChecked(files, backup, row);
  await makeEmpty(files, to);
  const isConfig = (row: BackupFile): boolean => row.path.startsWith('joinery.');
  await makeDirectories(files, to, manifest);
  for (const row of manifest.files.filter((candidate) => !isConfig(candidate))) await copyChecked(files, backup, to, row);
  const result = await adopt(world, engine, input, manifest);
  for (const row of manifest.files.filter(isConfig)) await copyChecked(files, backup, to, row);
  return result;
}

function assertClock({ clock }: World, manifest: BackupManifest): void {
  const now = formatInstant(clock.now());
  if (now >= manifest.created_at) return;
  throw new JoineryError('ERR_CLOCK_BEHIND', `expected a clock after the backup of ${manifest.created_at}, found ${now}`, {
    hint: 'set the clock: tokens that were spent are told from new ones by their time',
  });
}

async function readChecked(files: Files, backup: string, row: BackupFile): Promise<Uint8Array> {
  const bytes = await files.read(`${backup}/${row.path}`, MAX_BACKUP_FILE);
  const found = backupFile(row.path, bytes);
  if (found.sha256 === row.sha256) return bytes;
  throw new JoineryError('ERR_BACKUP_DIGEST', `${backup}/${row.path}: expected sha256 ${row.sha256}, found ${found.sha256}`, {
    hint: 'use another backup: this one is damaged',
    details: { path: row.path },
  });
}

async function makeEmpty(files: Files, to: string): Promise<void> {
  const found = await files.stat(to);
  if (found === undefined) return files.makeDirectory(to, 0o700);
  const names = found.kind === 'directory' ? await files.list(to) : [to];
  if (names.length === 0) return undefined;
  throw new JoineryError('ERR_REALM_EXISTS', `--to: expected a new or empty directory, found ${names.slice(0, 5).join(', ')} in ${to}`, {
    hint: 'choose another directory; the rest of a restore that was interrupted may be removed',
  });
}

async function makeDirectories(files: Files, to: string, manifest: BackupManifest): Promise<void> {
  const wanted = new Set(['keys', 'keys/offline', 'keys/online', 'ca']);
  for (const { path } of manifest.files) {
    const steps = path.split('/').slice(0, -1);
    for (const [index] of steps.entries()) wanted.add(steps.slice(0, index + 1).join('/'));
  }
  for (const path of [...wanted].sort()) await files.makeDirectory(`${to}/${path}`, 0o700);
}

async function copyChecked(files: Files, backup: string, to: string, row: BackupFile): Promise<void> {
  const isPublic = /^(?:ca\/|policies\/|joinery\.)/.test(row.path);
  await files.create(`${to}/${row.path}`, await readChecked(files, backup, row), isPublic ? 0o644 : 0o600);
}

/** Upgrades an older state, raises the watermark, and records the restore. */
async function adopt(world: World, engine: StoreEngine, { to, config }: RestoreInput, manifest: BackupManifest): Promise<RestoreResult> {
  const path = `${to}/${STATE_FILE}`;
  const { found, current } = await engine.formatOf(path);
  const speaker = { ...world, config };
  if (found < current) {
    const details = { from: found, to: current };
    await engine.upgrade(path, auditEvent(speaker, { event: 'realm.upgrade', subject: manifest.realm_id, details }));
  }
  const store = await engine.open(path);
  try {
    const tokenNotBefore = await raiseWatermark(speaker, store, manifest);
    return { realmId: manifest.realm_id, backupCreatedAt: manifest.created_at, tokenNotBefore };
  } finally {
    await store.close();
  }
}

async function raiseWatermark(speaker: World & Pick<Realm, 'config'>, store: Store, manifest: BackupManifest): Promise<Instant> {
  const entry = await store.get('realm');
  const record = parseRealmRecord(entry?.value);
  // The record was read, so the entry is there.
  const { version } = entry as Versioned;
  // One second later than now: a token of this very second may be spent already.
  const now = plus(speaker.clock.now(), 1);
  const tokenNotBefore = Math.max(now, record.token_not_before ?? 0) as Instant;
  const value: RealmRecord = { ...record, token_not_before: tokenNotBefore };
  const details = {
    backup_created_at: manifest.created_at,
    backup_audit_size: manifest.audit_size,
    token_not_before: formatInstant(tokenNotBefore),
  };
  const skip = await skipLostRevocations(store, now);
  await commit(store, {
    checks: [{ key: 'realm', version }, ...skip.checks],
    writes: [{ key: 'realm', value: { ...value } }, ...skip.writes],
    audit: [auditEvent(speaker, { event: 'realm.restore', subject: record.realm_id, details })],
  });
  return tokenNotBefore;
}

/** How long ago a backup was made, in seconds: what a restore forgets. */
export function backupAge(result: RestoreResult, now: Instant): number {
  return now - (parseInstant(result.backupCreatedAt) as Instant);
}
