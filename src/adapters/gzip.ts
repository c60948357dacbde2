/** gzip (RFC 1952) whose header says nothing of time and system, and a reader that stops at a limit. */
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Gzip } from '../core/onboarding/assemble.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import { JoineryError } from '../core/errors.ts';

const TIME = 4;
const SYSTEM = 9;
const UNKNOWN = 255;

/** Smaller blocks, each with codes of its own: 2 to 3 % less of a package, whose files differ in what they hold. */
const OPTIONS = { level: 9, memLevel: 6 };

export const gzip: Gzip = (bytes) => {
  const packed = gzipSync(bytes, OPTIONS);
  packed.fill(0, TIME, TIME + 4);
  packed[SYSTEM] = UNKNOWN;
  return packed;
};

export const gunzip: Gunzip = (bytes, maxBytes) => {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw new JoineryError('ERR_PACKAGE_MALFORMED', `expected gzip of at most ${maxBytes} bytes, found something else`, { cause });
  }
};
