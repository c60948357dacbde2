/** Flags of the commands about certificates. */
import * as Flags from '@oclif/core/flags';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { Instant, Seconds } from '../core/time.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { type CertificationRequest } from '../core/x509/csr.ts';
import { parseAlternativeName } from '../core/x509/alternative-names.ts';
import { MAX_DOCUMENT_OCTETS, readDocuments } from '../core/x509/documents.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { durationFlag, instantFlag } from './flags.ts';
import { nameOfInput, readInput } from './input.ts';

export const nameFlags = {
  dns: Flags.string({ multiple: true, default: [], description: 'DNS name (repeatable)', helpGroup: 'NAMES', helpValue: 'NAME' }),
  ip: Flags.string({
    multiple: true,
    default: [],
    description: 'IPv4 or IPv6 address (repeatable)',
    helpGroup: 'NAMES',
    helpValue: 'ADDRESS',
  }),
  uri: Flags.string({
    multiple: true,
    default: [],
    description: 'URI; the SPIFFE ID of a node (repeatable)',
    helpGroup: 'NAMES',
    helpValue: 'URI',
  }),
  email: Flags.string({ multiple: true, default: [], description: 'mailbox (repeatable)', helpGroup: 'NAMES', helpValue: 'MAILBOX' }),
  subject: Flags.string({
    description: 'subject as in RFC 4514 (default: the environment and the first name)',
    helpGroup: 'NAMES',
    helpValue: 'DN',
  }),
};

export const validityFlags = {
  ttl: Flags.string({ description: 'how long it is valid (default: by profile)', exclusive: ['not-after'], helpValue: 'DURATION' }),
  'not-after': Flags.string({ description: 'last second of its validity, as 2026-12-24T10:00:00Z', helpValue: 'TIME' }),
  strict: Flags.boolean({ description: 'refuse what would outlive its issuer, instead of shortening it' }),
};

export const keyPassphraseFlag = {
  'key-passphrase-file': Flags.string({ description: 'file with the passphrase that encrypts the private key', helpValue: 'FILE' }),
};

interface NameFlags {
  readonly dns: readonly string[];
  readonly ip: readonly string[];
  readonly uri: readonly string[];
  readonly email: readonly string[];
}

/** @throws ERR_CERTIFICATE_NAME */
export function alternativeNames(flags: NameFlags): readonly AlternativeName[] {
  // A node's identity comes first: its name is made of it.
  return (['uri', 'dns', 'ip', 'email'] as const).flatMap((kind) =>
    flags[kind].map((text) => parseAlternativeName(kind, text, `--${kind}`)),
  );
}

/** @throws ERR_USAGE */
export function validityOf(flags: { readonly ttl?: string | undefined; readonly 'not-after'?: string | undefined }): {
  readonly ttl: Seconds | undefined;
  readonly notAfter: Instant | undefined;
} {
  return {
    ttl: flags.ttl === undefined ? undefined : durationFlag('--ttl', flags.ttl),
    notAfter: flags['not-after'] === undefined ? undefined : instantFlag('--not-after', flags['not-after']),
  };
}

const MAX_SECRET_BYTES = 4096;
const MIN_PASSPHRASE_CHARACTERS = 12;

/** The first line of a file: a passphrase, never on the command line. @throws ERR_USAGE, ERR_FILE_* */
export async function secretFile(files: Pick<Files, 'read'>, flag: string, path: string): Promise<Secret> {
  const [line] = decodeUtf8(await readInput(files, path, MAX_SECRET_BYTES), path).split(/\r?\n/, 1) as [string];
  if (line === '')
    throw new JoineryError('ERR_USAGE', `${flag}: expected a passphrase in the first line of ${nameOfInput(path)}, found none`);
  return new Secret(line);
}

/** {@link secretFile} for something new. @throws ERR_KEY_PASSPHRASE_WEAK */
export async function newSecretFile(files: Pick<Files, 'read'>, flag: string, path: string): Promise<Secret> {
  const secret = await secretFile(files, flag, path);
  if (Array.from(secret.reveal()).length >= MIN_PASSPHRASE_CHARACTERS) return secret;
  throw new JoineryError('ERR_KEY_PASSPHRASE_WEAK', `${flag}: expected at least ${MIN_PASSPHRASE_CHARACTERS} characters, found fewer`, {
    hint: 'four or five random words are easy to keep and hard to guess',
  });
}

const MAX_KEY_BYTES = 64 * 1024;

/** A private key of the user's own. @throws ERR_KEY_*, ERR_USAGE */
export async function privateKeyFile(
  files: Files,
  keys: PortableKeys,
  path: string,
  passphraseFile: string | undefined,
): Promise<PortableKey> {
  const pem = decodeUtf8(await readInput(files, path, MAX_KEY_BYTES), nameOfInput(path));
  return keys.open(pem, path, () => {
    if (passphraseFile !== undefined) return secretFile(files, '--key-passphrase-file', passphraseFile);
    throw new JoineryError('ERR_USAGE', `${path}: expected --key-passphrase-file for an encrypted key, found none`);
  });
}

export interface CertificateInput {
  readonly bytes: Uint8Array;
  readonly certificates: readonly [Certificate, ...Certificate[]];
}

/** The certificates of a file, at least one. @throws ERR_CERTIFICATE_MALFORMED and what {@link readDocuments} throws. */
export async function certificateInput(files: Pick<Files, 'read'>, path: string): Promise<CertificateInput> {
  const what = nameOfInput(path);
  const bytes = await readInput(files, path, MAX_DOCUMENT_OCTETS);
  const certificates = readDocuments(bytes, what).flatMap((document) => (document.kind === 'certificate' ? [document.certificate] : []));
  const [first, ...rest] = certificates;
  if (first === undefined) parseCertificate(new Uint8Array(0), what);
  return { bytes, certificates: [first as Certificate, ...rest] };
}

/** @throws ERR_CSR_MALFORMED and what {@link readDocuments} throws. */
export async function csrInput(files: Pick<Files, 'read'>, path: string): Promise<CertificationRequest> {
  const what = nameOfInput(path);
  const documents = readDocuments(await readInput(files, path, MAX_DOCUMENT_OCTETS), what);
  const [document] = documents;
  if (document?.kind === 'request' && documents.length === 1) return document.csr;
  throw new JoineryError(
    'ERR_CSR_MALFORMED',
    `${what}: expected one certification request, found ${documents.map(({ kind }) => kind).join(', ')}`,
  );
}
