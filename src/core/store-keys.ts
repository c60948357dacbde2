/** The rules that every engine of the store port keeps, so that no two of them differ: which keys there are, and their order. */
import { utf8 } from './encoding.ts';
import { assertInternal } from './errors.ts';
import type { Commit } from './ports.ts';

/** Longest key in UTF-8 bytes. */
export const MAX_STORE_KEY_BYTES = 1024;

/** @throws ERR_INTERNAL for an empty or too long key, a control character, or a lone surrogate (engines would store U+FFFD and mix keys up). */
export function assertStoreKey(key: string): void {
  // eslint-disable-next-line no-control-regex -- control characters are what is refused
  const plain = key.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(key);
  assertInternal(plain && key !== '' && utf8(key).length <= MAX_STORE_KEY_BYTES, `not a store key: ${JSON.stringify(key.slice(0, 80))}`);
}

/** @throws ERR_INTERNAL when a key is none, or when one commit writes or checks a key twice. */
export function assertCommit(commit: Commit): void {
  for (const entries of [commit.checks, commit.writes]) {
    const keys = entries.map((entry) => entry.key);
    keys.forEach(assertStoreKey);
    assertInternal(new Set(keys).size === keys.length, 'a commit names one key twice');
  }
}

/** Order of keys in {@link Store.list}: by UTF-8 bytes, as SQLite and etcd order them (UTF-16 order differs above U+FFFF). */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(utf8(a), utf8(b));
}

/** What {@link Store.watch} names when the audit log grew, also by a commit without writes. It is no key: nothing is stored under it. */
export const AUDIT_LOG_CHANGED = 'audit-log';
