/** gzip (RFC 1952) whose header says nothing of time and system, and a reader that stops at a limit. */
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import type { Gzip } from '../core/onboarding/assemble.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import { JoineryError } from '../core/errors.ts';
import { deflate } from './deflate.ts';

const TIME = 4;
const SYSTEM = 9;
const UNKNOWN = 255;

/** Smaller blocks, each with codes of its own: 2 to 3 % less of a package, whose files differ in what they hold. */
const OPTIONS = { level: 9, memLevel: 6 };

export const gzip: Gzip = (bytes, smallest = false) => {
  if (smallest) return smallestGzip(bytes);
  const packed = gzipSync(bytes, OPTIONS);
  packed.fill(0, TIME, TIME + 4);
  packed[SYSTEM] = UNKNOWN;
  return packed;
};

/** RFC 1952 section 2.3.1: deflate, no name, time 0, unknown system; the sum and the length at the end. */
function smallestGzip(bytes: Uint8Array): Uint8Array {
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc32(bytes), 0);
  end.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, UNKNOWN), deflate(bytes), end]);
}

export const gunzip: Gunzip = (bytes, maxBytes) => {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (cause) {
    throw new JoineryError('ERR_PACKAGE_MALFORMED', `expected gzip of at most ${maxBytes} bytes, found something else`, { cause });
  }
};
