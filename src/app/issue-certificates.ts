/** Keys and certificates in one step, for one host or for many. */
import { toPem, utf8 } from '../core/encoding.ts';
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import type { KeyType, PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Instant, Seconds } from '../core/time.ts';
import { parseSpki } from '../core/x509/algorithms.ts';
import type { Host } from '../core/x509/hosts.ts';
import { parseNameText } from '../core/x509/name-text.ts';
import { PROFILES, type ProfileName, profileNames } from '../core/x509/profiles.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { type IssuedLeaf, leafChange, type LeafIssuer, openLeafIssuer, shortenedWarning } from './leaf-issuer.ts';
import { assertAbsent } from './new-files.ts';
import { commit, type Realm } from './realm.ts';

export interface IssueCertificatesInput {
  /** Name of the authority. */
  readonly ca: string;
  readonly profile: ProfileName;
  /** At least one; file names are made of their names. */
  readonly hosts: readonly Host[];
  /** RFC 4514, of all of them. */
  readonly subject?: string | undefined;
  readonly keyType: KeyType;
  /** Made (0700) if it is not there; `<name>.key` and `<name>.crt` are made in it. */
  readonly directory: string;
  /** Encrypts the keys. */
  readonly passphrase?: Secret | undefined;
  readonly ttl?: Seconds | undefined;
  readonly notAfter?: Instant | undefined;
  readonly strict: boolean;
  /** Leave out hosts whose certificate file is there: goes on where an earlier run stopped. */
  readonly resume?: boolean;
}

export interface IssuedHost {
  readonly name: string;
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly record: CertificateRecord;
}

export interface IssueCertificatesResult {
  readonly issued: readonly IssuedHost[];
  /** Names of hosts that had their certificate before (`resume`). */
  readonly skipped: readonly string[];
  /** Why not all were issued: what was done before stays done and is in `issued`. */
  readonly failure?: { readonly error: JoineryError; readonly name: string; readonly missing: readonly string[] };
  readonly warnings: readonly string[];
}

/** Certificates of one commit. */
const CHUNK = 64;

/**
 * Checks every host before the first key is made, so that a wrong line or a file that is there refuses all of them. Then chunk by chunk:
 * sign, commit records and audit events, write the files (the key before its certificate). When a chunk fails, the result says what is
 * done and what is missing; `resume` does the rest.
 * @throws ERR_CERTIFICATE_PROFILE, ERR_FILE_EXISTS, ERR_CA_NOT_FOUND, ERR_KEY_* before anything is issued.
 */
export async function issueCertificates(
  realm: Realm,
  keys: PortableKeys,
  input: IssueCertificatesInput,
  onProgress: (done: number) => void = () => undefined,
): Promise<IssueCertificatesResult> {
  const profile = PROFILES[input.profile];
  for (const { names } of input.hosts) profileNames(profile, names, realm.config.trust_domain);
  const { todo, skipped } = await remaining(realm.files, input);
  const issuer = await openLeafIssuer(realm, input.ca, { strict: input.strict });
  await makeDirectory(realm.files, input.directory);
  const issued: IssuedHost[] = [];
  const warnings = new Set<string>();
  for (let start = 0; start < todo.length; start += CHUNK) {
    try {
      const made = await issueChunk({ realm, keys, input, issuer }, todo.slice(start, start + CHUNK));
      for (const { leaf } of made) if (leaf.validity.shortened) warnings.add(shortenedWarning(issuer, leaf) as string);
      for (const one of made) issued.push(await deliver(realm.files, input, issuer, one));
      onProgress(issued.length);
    } catch (error) {
      return failed(error, { issued, skipped, warnings: [...warnings] }, todo);
    }
  }
  return { issued, skipped, warnings: [...warnings] };
}

const filesOf = ({ directory }: IssueCertificatesInput, name: string): { key: string; certificate: string } => ({
  key: `${directory}/${name}.key`,
  certificate: `${directory}/${name}.crt`,
});

async function remaining(files: Files, input: IssueCertificatesInput): Promise<{ todo: readonly Host[]; skipped: readonly string[] }> {
  const todo: Host[] = [];
  const skipped: string[] = [];
  for (const host of input.hosts) {
    const { key, certificate } = filesOf(input, host.name);
    if (input.resume === true && (await files.stat(certificate)) !== undefined) skipped.push(host.name);
    else {
      await assertAbsent(files, [key, certificate]);
      todo.push(host);
    }
  }
  return { todo, skipped };
}

async function makeDirectory(files: Files, directory: string): Promise<void> {
  if ((await files.stat(directory)) === undefined) await files.makeDirectory(directory, 0o700);
}

interface Made {
  readonly host: Host;
  readonly key: PortableKey;
  readonly leaf: IssuedLeaf;
  readonly record: CertificateRecord;
}

interface Batch {
  readonly realm: Realm;
  readonly keys: PortableKeys;
  readonly input: IssueCertificatesInput;
  readonly issuer: LeafIssuer;
}

async function issueChunk({ realm, keys, input, issuer }: Batch, hosts: readonly Host[]): Promise<readonly Made[]> {
  const subject = input.subject === undefined ? undefined : parseNameText(input.subject, '--subject');
  const made: Omit<Made, 'record'>[] = [];
  for (const host of hosts) {
    const key = keys.generate(input.keyType);
    const publicKey = parseSpki(key.spki);
    const { ttl, notAfter } = input;
    const leaf = await issuer.issue({
      profile: PROFILES[input.profile],
      names: host.names,
      subject,
      publicKey,
      ttl,
      notAfter,
      what: host.name,
    });
    made.push({ host, key, leaf });
  }
  const leaves = made.map(({ leaf }) => leaf);
  const { records, ...change } = leafChange(realm, issuer, leaves);
  await commit(realm.store, change);
  return made.map((one, index) => ({ ...one, record: records[index] as CertificateRecord }));
}

async function deliver(files: Files, input: IssueCertificatesInput, { intermediates }: LeafIssuer, made: Made): Promise<IssuedHost> {
  const { host, key, leaf, record } = made;
  const { key: keyFile, certificate: certificateFile } = filesOf(input, host.name);
  await files.create(keyFile, utf8(await key.toPem(input.passphrase)), 0o600);
  await files.create(certificateFile, utf8(chainPem([leaf.der, ...intermediates])), 0o644);
  return { name: host.name, keyFile, certificateFile, record };
}

/** PEM of a certificate and those above it, as TLS servers read it. */
export function chainPem(chain: readonly Uint8Array[]): string {
  return chain.map((der) => toPem('CERTIFICATE', der)).join('');
}

function failed(error: unknown, soFar: IssueCertificatesResult, todo: readonly Host[]): IssueCertificatesResult {
  if (!isJoineryError(error)) throw error;
  const done = new Set(soFar.issued.map(({ name }) => name));
  const missing = todo.map(({ name }) => name).filter((name) => !done.has(name));
  return { ...soFar, failure: { error, name: missing[0] as string, missing } };
}
