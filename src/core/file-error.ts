/** Errors of a file system, by their POSIX names, as joinery's errors. */
import { type ErrorCode, JoineryError } from './errors.ts';

const CODES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ['ERR_FILE_NOT_FOUND', 'expected it to exist, found nothing'],
  ENOTDIR: ['ERR_FILE_NOT_FOUND', 'expected a directory on the way to it, found something else'],
  EEXIST: ['ERR_FILE_EXISTS', 'expected nothing there, found something that would be overwritten'],
  ENOTEMPTY: ['ERR_FILE_EXISTS', 'expected nothing there, found something that would be overwritten'],
  ENOSPC: ['ERR_FILE_DISK_FULL', 'expected space on the disk, found none left'],
  EDQUOT: ['ERR_FILE_DISK_FULL', 'expected space in the quota, found none left'],
};

/** The coded error for an error of the file system. */
export function fileError(cause: unknown, path: string): JoineryError {
  const errno = (cause as { readonly code?: string }).code ?? 'unknown';
  const [code, text] = CODES[errno] ?? (['ERR_FILE_ACCESS', `expected to read or write it, found ${errno}`] as const);
  return new JoineryError(code, `${path}: ${text}`, { details: { path, errno }, cause });
}
