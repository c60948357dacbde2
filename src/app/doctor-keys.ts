/** Compares the private keys of a realm with the records that name them. */
import type { Finding } from '../core/doctor/finding.ts';
import { judgeKeys, keysNamedBy, type NamedKey } from '../core/doctor/keys.ts';
import { equalBytes } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import type { StoreEntry } from '../core/ports.ts';
import { TOKEN_FORMATS } from '../core/token/grant.ts';
import type { Realm } from './realm.ts';
import { rewrapRecordKey } from './rewrap-keys.ts';

/** Areas of the store that name no keys and may be large. */
const KEYLESS = [
  'cert/',
  'checkpoint/',
  'evidence/',
  'node/',
  'node-cert/',
  'refusal/',
  'renewal/',
  'revocation-log/',
  ...TOKEN_FORMATS.map((format) => `token/${format}/`),
  'token-',
  'trust-report/',
];

const PRIVATE_KEY = /^keys\/(?:offline|online)\/[^/]+\.key$/;

/** @param files paths below the realm. */
export async function examineKeys(realm: Realm, files: readonly string[], openKeys: boolean): Promise<readonly Finding[]> {
  const named = await namedKeys(realm);
  const pending: string[] = [];
  for (const custody of ['offline', 'online'] as const)
    if ((await realm.store.get(rewrapRecordKey(custody))) !== undefined) pending.push(custody);
  const findings = judgeKeys(named, {
    files: files.filter((file) => PRIVATE_KEY.test(file)),
    rewrapped: files.filter((file) => file.endsWith('.key.rewrapped')),
    pending,
  });
  if (openKeys)
    for (const key of named.filter(({ reference }) => files.includes(reference.file))) findings.push(...(await openedKey(realm, key)));
  return findings;
}

async function namedKeys({ store }: Realm): Promise<readonly NamedKey[]> {
  const named: NamedKey[] = [];
  for (let after = ''; ;) {
    const page = await store.list('', after === '' ? {} : { after });
    const last = page.at(-1);
    if (last === undefined) return named;
    named.push(...page.filter((entry) => areaOf(entry) === undefined).flatMap(({ key, value }) => keysNamedBy(key, value)));
    const area = areaOf(last);
    // U+10FFFF is behind every key of the area.
    after = area === undefined ? last.key : `${area}\u{10ffff}`;
  }
}

function areaOf({ key }: StoreEntry): string | undefined {
  return KEYLESS.find((area) => key.startsWith(area));
}

async function openedKey(realm: Realm, { record, reference, spki }: NamedKey): Promise<readonly Finding[]> {
  const where = reference.file;
  try {
    const key = await realm.vault.open(reference);
    if (spki === undefined || equalBytes(key.spki, spki)) return [];
    const what = `expected the private key of record ${record}, found another key`;
    return [{ code: 'key-mismatch', severity: 'critical', where, what, next: 'restore the file from a backup' }];
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'usage') throw error;
    return [
      { code: 'key-mismatch', severity: 'critical', where, what: error.message, next: error.hint ?? 'restore the file from a backup' },
    ];
  }
}
