/** The manifest of a realm's backup, `joinery/realm-backup/1`: written last, so that a backup without it is an unfinished one. */
import { canonicalBytes, parseStrictJson } from '../canonical-json.ts';
import { type Digest, digestOf } from '../digest.ts';
import { decodeUtf8 } from '../encoding.ts';
import { array, integer, object, oneOf, type Parsed, parseDocument, refine, string } from '../parse.ts';
import { parseInstant } from '../time.ts';

export const BACKUP_MANIFEST = 'backup.json';

/** What a realm is made of, and nothing else: no path leads out of the directory. A plus joins the two names of a cross-certificate. */
const BACKUP_PATH = /^(?:state\.db|joinery\.(?:yaml|yml|json)|(?:keys|ca|policies)(?:\/[A-Za-z0-9_-][A-Za-z0-9+._-]{0,199}){1,4})$/;

const manifest = object({
  schema: oneOf(['joinery/realm-backup/1']),
  realm_id: string({ maxLength: 36 }),
  created_at: refine(string({ maxLength: 20 }), (text) =>
    parseInstant(text) === undefined ? { issue: 'expected an RFC 3339 time in UTC, found something else' } : { value: text },
  ),
  format_version: integer(1),
  /** Audit records in the copy of the state at least. */
  audit_size: integer(),
  files: refine(
    array(
      object({
        path: string({ maxLength: 1000, pattern: BACKUP_PATH, describe: 'a path of a file of a realm' }),
        size: integer(),
        sha256: string({ pattern: /^[0-9a-f]{64}$/, describe: '64 digits of lower-case hex' }),
      }),
      { minItems: 2 },
    ),
    (files) => {
      const paths = new Set(files.map(({ path }) => path));
      const configs = [...paths].filter((path) => path.startsWith('joinery.'));
      const whole = paths.size === files.length && paths.has('state.db') && configs.length === 1;
      return whole ? { value: files } : { issue: 'expected state.db, one joinery.yaml, and each path once' };
    },
  ),
});

export type BackupManifest = Parsed<typeof manifest>;
export type BackupFile = BackupManifest['files'][number];

export function isBackupPath(path: string): boolean {
  return BACKUP_PATH.test(path);
}

/** @throws ERR_BACKUP_MALFORMED, ERR_JSON_MALFORMED */
export function parseBackupManifest(bytes: Uint8Array, what: string): BackupManifest {
  return parseDocument(manifest, parseStrictJson(decodeUtf8(bytes, what), what), what, 'ERR_BACKUP_MALFORMED');
}

/** RFC 8785 bytes. @throws ERR_BACKUP_MALFORMED for what could not be read back. */
export function backupManifestBytes(value: BackupManifest): Uint8Array {
  parseDocument(manifest, { ...value }, BACKUP_MANIFEST, 'ERR_BACKUP_MALFORMED');
  return canonicalBytes({ ...value });
}

/** The row of a file. */
export function backupFile(path: string, bytes: Uint8Array): BackupFile {
  return { path, size: bytes.length, sha256: digestOf(bytes) };
}

/** The digest that a log or a second channel may keep of a whole backup. */
export function backupDigest(manifestBytes: Uint8Array): Digest {
  return digestOf(manifestBytes);
}
