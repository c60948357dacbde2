/**
 * Encrypted private keys: PKCS #8 EncryptedPrivateKeyInfo (RFC 5958) under PBES2 (RFC 8018) with AES-256-CBC and
 * PBKDF2-HMAC-SHA256. OpenSSL and Node write 2048 iterations; this writes 600 000, which both of them read.
 */
import { createCipheriv, createPrivateKey, type KeyObject, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { concat, equalBytes, parsePem, toPem, utf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { Random } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { enterDer, TAG } from '../core/x509/der.ts';
import { oidOf, smallIntegerOf } from '../core/x509/der-values.ts';
import { integer, NULL, octetString, oid, sequence } from '../core/x509/der-writer.ts';
import { OID } from '../core/x509/oids.ts';

export const ITERATIONS = 600_000;
/** About two seconds; more would let a planted file stop a server. */
const MAX_ITERATIONS = 10_000_000;
const SALT_OCTETS = 16;
const IV_OCTETS = 16;
const KEY_OCTETS = 32;

const deriveKey = promisify(pbkdf2);

/** PEM of a private key without encryption. */
export function plainPem(key: KeyObject): string {
  return toPem('PRIVATE KEY', pkcs8(key));
}

function pkcs8(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: 'pkcs8', format: 'der' }));
}

/** PEM of a private key encrypted under a passphrase. */
export async function encryptedPem(key: KeyObject, passphrase: Secret, random: Random): Promise<string> {
  const salt = random.bytes(SALT_OCTETS);
  const iv = random.bytes(IV_OCTETS);
  const derived = await deriveKey(utf8(passphrase.reveal()), salt, ITERATIONS, KEY_OCTETS, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', derived, iv);
  const encrypted = concat(cipher.update(pkcs8(key)), cipher.final());
  const kdf = sequence(
    oid(OID.pbkdf2),
    sequence(octetString(salt), integer(ITERATIONS), integer(KEY_OCTETS), sequence(oid(OID.hmacWithSHA256), NULL)),
  );
  const scheme = sequence(oid(OID.aes256Cbc), octetString(iv));
  return toPem('ENCRYPTED PRIVATE KEY', sequence(sequence(oid(OID.pbes2), sequence(kdf, scheme)), octetString(encrypted)));
}

/**
 * Opens a private key file. `passphrase` is asked for an encrypted key only.
 * @param what names the file in errors.
 * @throws ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE
 */
export async function openPem(
  text: string,
  what: string,
  options: { readonly plaintext: boolean; passphrase(): Promise<Secret> },
): Promise<KeyObject> {
  const [block, ...others] = parsePem(text, what);
  if (block === undefined || others.length > 0) throw malformed(what, 'expected one PEM block', `${others.length + (block ? 1 : 0)}`);
  if (block.label === 'PRIVATE KEY' && options.plaintext) return openPlain(block.der, what);
  if (block.label !== 'ENCRYPTED PRIVATE KEY') {
    throw malformed(what, 'expected an ENCRYPTED PRIVATE KEY', block.label, 'this realm keeps its keys encrypted');
  }
  checkParameters(block.der, what);
  return openEncrypted(block.der, await options.passphrase(), what);
}

/**
 * Opens a private key that another program wrote, in any form that OpenSSL reads from PEM. `passphrase` is asked for an encrypted one only.
 * @throws ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE
 */
export async function openForeignPem(text: string, what: string, passphrase: () => Promise<Secret>): Promise<KeyObject> {
  // The label of PKCS #8, or the Proc-Type header of the older forms (RFC 1421 section 4.6.1.1).
  const encrypted = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4, *ENCRYPTED/m.test(text);
  const secret = encrypted ? await passphrase() : undefined;
  try {
    return createPrivateKey({ key: text, format: 'pem', ...(secret && { passphrase: secret.reveal() }) });
  } catch (cause) {
    if (encrypted)
      throw new JoineryError('ERR_KEY_PASSPHRASE', `${what}: expected the passphrase of this key, found another (or a damaged file)`, {
        cause,
      });
    throw malformed(what, 'expected a private key in PEM', 'something else', 'openssl pkey -in FILE -out key.pem converts other forms');
  }
}

function openPlain(der: Uint8Array, what: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a private key in PKCS #8, found something else`, { cause });
  }
}

function openEncrypted(der: Uint8Array, passphrase: Secret, what: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8', passphrase: passphrase.reveal() });
  } catch (cause) {
    throw new JoineryError('ERR_KEY_PASSPHRASE', `${what}: expected the passphrase of this key, found another (or a damaged file)`, {
      hint: 'offline and online keys have passphrases of their own: --passphrase-file and --online-passphrase-file',
      cause,
    });
  }
}

/** Refuses foreign schemes and costly parameters before any of them is obeyed. */
function checkParameters(der: Uint8Array, what: string): void {
  let iterations: number;
  try {
    iterations = readIterations(der, what);
  } catch (cause) {
    if (!isJoineryError(cause, 'ERR_DER_MALFORMED')) throw cause;
    throw new JoineryError('ERR_KEY_MALFORMED', cause.message, { cause });
  }
  if (iterations < 1 || iterations > MAX_ITERATIONS)
    throw malformed(what, `expected 1 to ${MAX_ITERATIONS} PBKDF2 iterations`, `${iterations}`);
}

function readIterations(der: Uint8Array, what: string): number {
  const reader = enterDer(der, TAG.sequence, what);
  const algorithm = reader.enter(TAG.sequence, 'encryptionAlgorithm');
  expectOid(oidOf(algorithm.next(TAG.oid, 'algorithm'), what), OID.pbes2, what);
  const pbes2 = algorithm.enter(TAG.sequence, 'PBES2-params');
  const kdf = pbes2.enter(TAG.sequence, 'keyDerivationFunc');
  expectOid(oidOf(kdf.next(TAG.oid, 'algorithm'), what), OID.pbkdf2, what);
  const parameters = kdf.enter(TAG.sequence, 'PBKDF2-params');
  parameters.next(TAG.octetString, 'salt');
  const iterations = smallIntegerOf(parameters.next(TAG.integer, 'iterationCount'), what);
  parameters.optional(TAG.integer, 'keyLength');
  const prf = parameters.next(TAG.sequence, 'prf');
  if (!equalBytes(prf.bytes, sequence(oid(OID.hmacWithSHA256), NULL))) throw malformed(what, 'expected HMAC-SHA256', 'another function');
  expectOid(oidOf(pbes2.enter(TAG.sequence, 'encryptionScheme').next(TAG.oid, 'algorithm'), what), OID.aes256Cbc, what);
  reader.next(TAG.octetString, 'encryptedData');
  reader.end();
  return iterations;
}

function expectOid(found: string, expected: string, what: string): void {
  if (found !== expected) {
    throw malformed(
      what,
      'expected PBES2 with PBKDF2 and AES-256-CBC',
      `algorithm ${found}`,
      'openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 rewrites it',
    );
  }
}

function malformed(what: string, expected: string, found: string, hint?: string): JoineryError {
  return new JoineryError('ERR_KEY_MALFORMED', `${what}: ${expected}, found ${found}`, hint === undefined ? {} : { hint });
}
