/**
 * Shares of a passphrase (m of n, Shamir) as text: one line that says which set it belongs to and how many are needed, with a
 * checksum against slips of the pen. What shows that the right shares were combined is inside the shared secret: a digest beside
 * a share would let its holder try passphrases against it.
 */
import { digestOf, sha256 } from './digest.ts';
import { concat, decodeUtf8, equalBytes, fromBase64Url, toBase64Url, utf8 } from './encoding.ts';
import { JoineryError } from './errors.ts';

export interface KeyShare {
  /** Names the split that it came from: 16 hex digits. */
  readonly set: string;
  /** From 1 to `shares`. */
  readonly index: number;
  readonly shares: number;
  readonly threshold: number;
  readonly bytes: Uint8Array;
}

const DIGEST_OCTETS = 32;
const LENGTH_OCTETS = 2;
/** Shares are as long as what was split: padding hides the length of the passphrase. */
const BLOCK = 64;
const CHECKSUM_DIGITS = 8;

/** What is split: a digest over set and passphrase, the passphrase's length and itself, zeros up to a whole block. */
export function writeSharedSecret(passphrase: string, set: string): Uint8Array {
  const text = utf8(passphrase);
  const head = concat(sha256(concat(utf8(set), text)), Uint8Array.of(text.length >> 8, text.length & 0xff), text);
  return concat(head, new Uint8Array((BLOCK - (head.length % BLOCK)) % BLOCK));
}

/** @throws ERR_SHARE_MISMATCH when the digest inside is not the one of the passphrase inside. */
export function readSharedSecret(secret: Uint8Array, set: string): string {
  const start = DIGEST_OCTETS + LENGTH_OCTETS;
  const length = (secret[DIGEST_OCTETS] ?? 0) * 256 + (secret[DIGEST_OCTETS + 1] ?? 0);
  const text = secret.subarray(start, start + length);
  if (!equalBytes(sha256(concat(utf8(set), text)), secret.subarray(0, DIGEST_OCTETS)))
    throw mismatch('expected shares that give the passphrase back, found others');
  return decodeUtf8(text, 'the passphrase');
}

/** One line, without the final newline. */
export function formatShare({ set, index, shares, threshold, bytes }: KeyShare): string {
  const body = `joinery-share-1.${set}.${index}.${shares}.${threshold}.${toBase64Url(bytes)}`;
  return `${body}.${checksum(body)}`;
}

function checksum(body: string): string {
  return digestOf(utf8(body)).slice(0, CHECKSUM_DIGITS);
}

const SHARE = /^(joinery-share-1\.([0-9a-f]{16})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.([A-Za-z0-9_-]{1,8192}))\.([0-9a-f]{8})$/;

/**
 * Reads the share in a file: the first line that is neither empty nor a comment (`#`).
 * @param what names the file in errors.
 * @throws ERR_SHARE_MALFORMED, without a part of the share
 */
export function parseShare(text: string, what: string): KeyShare {
  const line = text
    .split(/\r?\n/)
    .map((candidate) => candidate.trim())
    .find((candidate) => candidate !== '' && !candidate.startsWith('#'));
  const found = SHARE.exec(line ?? '');
  if (found === null) throw malformed(what, 'expected a line that starts with joinery-share-1, found none');
  const [, body, set, index, shares, threshold, bytes, sum] = found as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (checksum(body) !== sum) throw malformed(what, 'expected the checksum of the line, found another: a character is wrong');
  const share = { set, index: Number(index), shares: Number(shares), threshold: Number(threshold), bytes: fromBase64Url(bytes, what) };
  if (share.index < 1 || share.index > share.shares || share.threshold < 2 || share.threshold > share.shares) {
    throw malformed(what, `expected a share of at least 2 of ${share.shares}, found share ${index} with threshold ${threshold}`);
  }
  return share;
}

/** @returns the set that all of them belong to. @throws ERR_SHARE_MISMATCH for shares of two splits, one share twice, or too few. */
export function assertShares(shares: readonly KeyShare[]): string {
  const [first] = shares;
  if (first === undefined) throw mismatch('expected at least two shares, found none');
  const { set, threshold } = first;
  const stranger = shares.find((share) => share.set !== set || share.threshold !== threshold || share.bytes.length !== first.bytes.length);
  if (stranger !== undefined) throw mismatch(`expected shares of one set, found ${set} and ${stranger.set}`);
  const found = new Set(shares.map((share) => share.index)).size;
  if (found < shares.length) throw mismatch('expected each share once, found one twice');
  if (found < threshold) throw mismatch(`expected ${threshold} shares, found ${found}`);
  return set;
}

function mismatch(message: string): JoineryError {
  return new JoineryError('ERR_SHARE_MISMATCH', `shares: ${message}`, { hint: 'every share names its set and its number in its file' });
}

function malformed(what: string, message: string): JoineryError {
  return new JoineryError('ERR_SHARE_MALFORMED', `${what}: ${message}`);
}
