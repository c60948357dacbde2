/** Keys and certificates in one step, for one host or for many. */
import { fromBase64, toPem, utf8 } from '../core/encoding.ts';
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
import { type HostFiles, type InterruptedHost, remainingHosts } from './interrupted-issuance.ts';
import { type IssuedLeaf, leafChange, type LeafIssuer, openLeafIssuer, shortenedWarning } from './leaf-issuer.ts';
import { ensureDirectory } from './new-files.ts';
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
  /** Go on where an earlier run stopped: leave out hosts whose certificate file is there, and use a key that lies there alone. */
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
 * sign, write the keys, commit records and audit events, write the certificates. When a chunk fails, the result says what is done and what
 * is missing; `resume` does the rest: no crash leaves a record whose key is nowhere, and a key without its certificate gets it.
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
  const { fresh, interrupted, skipped } = await remainingHosts(realm, keys, input, (host) => filesOf(input, host));
  const issuer = await openLeafIssuer(realm, input.ca, { strict: input.strict });
  await ensureDirectory(realm.files, input.directory);
  const issued: IssuedHost[] = [];
  const warnings = new Set<string>();
  const todo: readonly Todo[] = [...interrupted, ...fresh.map((host) => ({ host }))];
  for (let start = 0; start < todo.length; start += CHUNK) {
    try {
      const made = await issueChunk({ realm, keys, input, issuer, warnings }, todo.slice(start, start + CHUNK));
      for (const one of made) issued.push(await deliver(realm.files, input, issuer, one));
      onProgress(issued.length);
    } catch (error) {
      return failed(error, { issued, skipped, warnings: [...warnings] }, todo);
    }
  }
  return { issued, skipped, warnings: [...warnings] };
}

function filesOf({ directory }: IssueCertificatesInput, { name }: Host): HostFiles {
  return { key: `${directory}/${name}.key`, certificate: `${directory}/${name}.crt` };
}

/** With a key whose file is there already, and perhaps with the record of its certificate. */
type Todo = Pick<InterruptedHost, 'host'> & Partial<InterruptedHost>;

interface Made {
  readonly host: Host;
  readonly record: CertificateRecord;
}

interface Batch {
  readonly realm: Realm;
  readonly keys: PortableKeys;
  readonly input: IssueCertificatesInput;
  readonly issuer: LeafIssuer;
  readonly warnings: Set<string>;
}

async function issueChunk(batch: Batch, chunk: readonly Todo[]): Promise<readonly Made[]> {
  const { realm, keys, input, issuer, warnings } = batch;
  const signed: { readonly host: Host; readonly leaf: IssuedLeaf; readonly newKey: PortableKey | undefined }[] = [];
  for (const { host, key, record } of chunk) {
    if (record !== undefined) continue;
    const newKey = key === undefined ? keys.generate(input.keyType) : undefined;
    signed.push({ host, newKey, leaf: await issueLeaf(batch, host, (key ?? newKey) as PortableKey) });
  }
  for (const { leaf } of signed) if (leaf.validity.shortened) warnings.add(shortenedWarning(issuer, leaf) as string);
  for (const { host, newKey } of signed)
    if (newKey !== undefined) await realm.files.create(filesOf(input, host).key, utf8(await newKey.toPem(input.passphrase)), 0o600);
  const leaves = signed.map(({ leaf }) => leaf);
  const { records, ...change } = leafChange(realm, issuer, leaves);
  await commit(realm.store, change);
  const known = chunk.flatMap(({ host, record }) => (record === undefined ? [] : [{ host, record }]));
  return [...known, ...signed.map(({ host }, index) => ({ host, record: records[index] as CertificateRecord }))];
}

function issueLeaf({ input, issuer }: Batch, { name, names }: Host, { spki }: PortableKey): Promise<IssuedLeaf> {
  const { ttl, notAfter } = input;
  const subject = input.subject === undefined ? undefined : parseNameText(input.subject, '--subject');
  return issuer.issue({ profile: PROFILES[input.profile], names, subject, publicKey: parseSpki(spki), ttl, notAfter, what: name });
}

async function deliver(files: Files, input: IssueCertificatesInput, { intermediates }: LeafIssuer, made: Made): Promise<IssuedHost> {
  const { host, record } = made;
  const { key: keyFile, certificate: certificateFile } = filesOf(input, host);
  await files.create(certificateFile, utf8(chainPem([fromBase64(record.certificate), ...intermediates])), 0o644);
  return { name: host.name, keyFile, certificateFile, record };
}

/** PEM of a certificate and those above it, as TLS servers read it. */
export function chainPem(chain: readonly Uint8Array[]): string {
  return chain.map((der) => toPem('CERTIFICATE', der)).join('');
}

function failed(error: unknown, soFar: IssueCertificatesResult, todo: readonly Todo[]): IssueCertificatesResult {
  if (!isJoineryError(error)) throw error;
  const done = new Set(soFar.issued.map(({ name }) => name));
  const missing = todo.map(({ host }) => host.name).filter((name) => !done.has(name));
  return { ...soFar, failure: { error, name: missing[0] as string, missing } };
}
