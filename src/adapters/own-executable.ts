/** The single executable that is running, as the operating system knows it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isSea } from 'node:sea';
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { fileError } from '../core/file-error.ts';
import type { OwnExecutable } from '../core/release/checksums.ts';

/** By inode: argv[0] is the caller's to choose, and another file may be in its place by now. */
const SELF = process.platform === 'linux' ? '/proc/self/exe' : process.execPath;

/** @throws ERR_SELF_NO_EXECUTABLE, ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS */
export async function ownExecutable(): Promise<OwnExecutable> {
  if (!isSea()) throw noExecutable();
  try {
    const digest = createHash('sha256');
    for await (const chunk of createReadStream(SELF, { highWaterMark: 1 << 20 })) digest.update(chunk as Uint8Array);
    return { path: await realpath(SELF), digest: digest.digest('hex') as Digest };
  } catch (error) {
    throw fileError(error, SELF);
  }
}

export function noExecutable(): JoineryError {
  return new JoineryError('ERR_SELF_NO_EXECUTABLE', 'expected the single executable of joinery, found joinery on an installed Node.js', {
    hint: 'npm audit signatures checks what npm installed; the licences are in dist/bundle/licenses.txt of the package',
  });
}
