/** Private keys and the records that name them: each file belongs to a record, each record has its file. */
import { type JsonObject, type JsonValue, isJsonArray, isJsonObject } from '../canonical-json.ts';
import { parseVerifierKey } from '../audit/checkpoint.ts';
import { parsePem } from '../encoding.ts';
import { isJoineryError } from '../errors.ts';
import { parsePublicJwk, spkiOfJwk } from '../jwk.ts';
import { KEY_TYPES, type KeyReference } from '../key-ports.ts';
import { object, oneOf, string } from '../parse.ts';
import { parseCertificate } from '../x509/certificate.ts';
import type { Finding } from './finding.ts';

/** A private key that a record names. */
export interface NamedKey {
  /** Key of the record in the store. */
  readonly record: string;
  readonly reference: KeyReference;
  /** Its public key as the record has it, DER; undefined where the record says nothing about it. */
  readonly spki: Uint8Array | undefined;
}

const reference = object({ custody: oneOf(['offline', 'online']), file: string(), type: oneOf(KEY_TYPES) });

/**
 * Every reference to a private key in a record, wherever it stands: so that a record that a later version adds is known as well. The
 * public key is what stands beside the reference: a JWK, a certificate, or a verifier key.
 */
export function keysNamedBy(record: string, value: JsonValue): NamedKey[] {
  if (isJsonArray(value)) return value.flatMap((item) => keysNamedBy(record, item));
  if (!isJsonObject(value)) return [];
  return Object.values(value).flatMap((member) => {
    const found = referenceOf(member);
    if (found !== undefined) return [{ record, reference: found, spki: publicKeyBeside(value) }];
    return member === undefined ? [] : keysNamedBy(record, member);
  });
}

function referenceOf(value: JsonValue | undefined): KeyReference | undefined {
  const issues: { path: string; message: string }[] = [];
  const found = reference.read(value, '', issues);
  return issues.length === 0 ? found : undefined;
}

function publicKeyBeside(beside: JsonObject): Uint8Array | undefined {
  try {
    const { jwk, certificate_pem: certificate, pem, verifier_key: verifierKey } = beside;
    if (isJsonObject(jwk)) return spkiOfJwk(parsePublicJwk(jwk, 'jwk'));
    if (typeof verifierKey === 'string') return parseVerifierKey(verifierKey, 'verifier_key').spki;
    const text = certificate ?? pem;
    const [block] = parsePem(typeof text === 'string' ? text : '');
    return block && parseCertificate(block.der).spki;
  } catch (error) {
    // A damaged record is found by what reads it; here it only says nothing about its key.
    if (isJoineryError(error)) return undefined;
    throw error;
  }
}

export interface KeyFiles {
  /** `keys/online/x.key`, relative to the realm. */
  readonly files: readonly string[];
  /** Keys that a change of passphrase wrote beside, `keys/online/x.key.rewrapped`. */
  readonly rewrapped: readonly string[];
  /** Custodies whose change of passphrase was committed and not finished. */
  readonly pending: readonly string[];
}

/** Compares files and records. */
export function judgeKeys(named: readonly NamedKey[], { files, rewrapped, pending }: KeyFiles): Finding[] {
  const known = new Map(named.map((key) => [key.reference.file, key]));
  // A copy for a server has no offline keys by intent.
  const isOnlineCopy = !files.some((file) => file.startsWith('keys/offline/'));
  const missing = [...known.values()].filter(
    ({ reference: { file, custody } }) => !files.includes(file) && !(isOnlineCopy && custody === 'offline'),
  );
  const orphans = files.filter((file) => !known.has(file));
  return [...missing.map(missingKey), ...orphans.map(orphanKey), ...judgeRewrap(rewrapped, pending)];
}

function missingKey({ record, reference: { file } }: NamedKey): Finding {
  const what = `expected the private key of record ${record}, found no file`;
  return {
    code: 'key-missing',
    severity: 'critical',
    where: file,
    what,
    next: 'restore the file from a backup: nothing else gives the key back',
  };
}

function orphanKey(file: string): Finding {
  const what = 'expected a record that names this private key, found none';
  const next = 'an interrupted run left it, or a record is lost: compare with a backup before it is removed';
  return { code: 'key-orphan', severity: 'warn', where: file, what, next };
}

function judgeRewrap(rewrapped: readonly string[], pending: readonly string[]): Finding[] {
  const committed = pending.map((custody): Finding => {
    const what = `expected no unfinished change of passphrase, found one: the new passphrase opens the ${custody} keys already`;
    return {
      code: 'key-rewrap',
      severity: 'warn',
      where: `keys/${custody}`,
      what,
      next: `finish it: joinery ca key rewrap --custody ${custody}`,
    };
  });
  const staged = rewrapped.filter((file) => !pending.some((custody) => file.startsWith(`keys/${custody}/`)));
  const left = staged.map((file): Finding => {
    const what = 'expected no key under a new passphrase that never came into use, found one';
    return {
      code: 'key-rewrap',
      severity: 'warn',
      where: file,
      what,
      next: 'an interrupted change of passphrase left it; the old passphrase holds, remove the file',
    };
  });
  return [...committed, ...left];
}
