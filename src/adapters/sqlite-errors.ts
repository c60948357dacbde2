/** SQLite's result codes as joinery's errors. */
import { JoineryError } from '../core/errors.ts';

const FULL = 13;
/** SQLITE_IOERR_SHMSIZE: the shared memory of the WAL could not grow, which is how a full disk shows itself on opening. */
const SHM_FULL = 4874;
const BUSY = [5, 6];
const DAMAGED = [11, 24, 26];

/** Runs `work` and gives SQLite's errors our codes. Others pass. */
export function translated<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw translateError(path, error);
  }
}

function translateError(path: string, error: unknown): unknown {
  // node:sqlite, for an integer that JavaScript cannot hold: a row that somebody planted.
  if (error instanceof RangeError) return malformed(path, 'found a number out of range', error);
  const errcode: unknown = error instanceof Error && 'errcode' in error ? error.errcode : undefined;
  if (typeof errcode !== 'number') return error;
  const primary = errcode & 0xff;
  if (primary === FULL || errcode === SHM_FULL)
    return new JoineryError('ERR_FILE_DISK_FULL', `${path}: expected space for the state, found the disk full`, { cause: error });
  if (BUSY.includes(primary)) {
    return new JoineryError('ERR_STORE_BUSY', `${path}: expected to lock the state in time, found it locked by another process`, {
      hint: 'run the command again',
      cause: error,
    });
  }
  if (DAMAGED.includes(primary)) return malformed(path, 'found a damaged or foreign file', error);
  return new JoineryError('ERR_FILE_ACCESS', `${path}: expected to read and write the state, found SQLite error ${errcode}`, {
    cause: error,
  });
}

export function malformed(path: string, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_REALM_MALFORMED', `${path}: expected the state of a realm, ${found}`, {
    hint: 'restore the realm from a backup: joinery realm restore',
    cause,
  });
}
