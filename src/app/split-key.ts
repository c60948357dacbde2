/** Splits the passphrase of an authority's key into shares, m of n of which give it back. */
import { toHex, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { formatShare, writeSharedSecret } from '../core/key-share.ts';
import type { Custody, SecretSharing } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { readCa } from './ca-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { assertEncrypted } from './rewrap-keys.ts';

export interface SplitKeyInput {
  readonly name: string;
  /** 2 to 255. */
  readonly shares: number;
  /** How many of them give the passphrase back: 2 to `shares`. */
  readonly threshold: number;
  /** A new directory for the shares, one file each. */
  readonly out: string;
  readonly sharing: SecretSharing;
  /** The passphrase that opens the keys of a custody. */
  passphrase(custody: Custody): Promise<Secret>;
}

export interface SplitKeyResult {
  readonly set: string;
  readonly custody: Custody;
  readonly files: readonly string[];
}

const SET_OCTETS = 8;

/**
 * The passphrase is proved on the key before it is split. Shares are written 0600 in a new 0700 directory; they are removed again
 * when the audit event cannot be committed.
 * @throws ERR_USAGE, ERR_CA_NOT_FOUND, ERR_KEY_NOT_FOUND, ERR_KEY_PASSPHRASE, ERR_FILE_*
 */
export async function splitKey(realm: Realm, input: SplitKeyInput): Promise<SplitKeyResult> {
  const { shares, threshold, sharing } = input;
  if (threshold < 2 || threshold > shares || shares > 255) {
    throw new JoineryError('ERR_USAGE', `--threshold: expected 2 to --shares (${shares}, at most 255), found ${threshold}`);
  }
  await assertEncrypted(realm);
  const { record } = await readCa(realm, input.name, 'NAME');
  if (record.key === undefined)
    throw new JoineryError('ERR_KEY_NOT_FOUND', `${record.name}: expected its private key in this realm, found none`);
  const { custody } = record.key;
  await realm.vault.open(record.key);
  const set = toHex(realm.random.bytes(SET_OCTETS));
  const secret = writeSharedSecret((await input.passphrase(custody)).reveal(), set);
  const parts = await sharing.split(secret, { shares, threshold });
  const lines = parts.map((bytes, index) => formatShare({ set, index: index + 1, shares, threshold, bytes }));
  const comment = `passphrase of the ${custody} keys of ${realm.config.environment.name} (${record.name}); ${threshold} of ${shares} give it back with: joinery ca key combine`;
  const files = lines.map((line, index) => ({
    path: `${input.out}/share-${index + 1}-of-${shares}.txt`,
    text: `# share ${index + 1}: ${comment}\n${line}\n`,
  }));
  await write(realm, input.out, files, async () => {
    const details = { custody, set, shares, threshold };
    await commit(realm.store, {
      checks: [],
      writes: [],
      audit: [auditEvent(realm, { event: 'ca.key_split', subject: record.name, details })],
    });
  });
  return { set, custody, files: files.map(({ path }) => path) };
}

interface ShareFile {
  readonly path: string;
  readonly text: string;
}

/** All files and `then`, or none of them. */
async function write({ files }: Realm, directory: string, shares: readonly ShareFile[], then: () => Promise<void>): Promise<void> {
  await files.makeDirectory(directory, 0o700);
  try {
    for (const { path, text } of shares) await files.create(path, utf8(text), 0o600);
    await then();
  } catch (error) {
    for (const { path } of shares) await files.remove(path);
    await files.removeDirectory(directory);
    throw error;
  }
}
