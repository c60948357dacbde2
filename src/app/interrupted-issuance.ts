/** Where a batch of certificates stopped: what lies in the directory and in the store says what is left to do. */
import { decodeUtf8 } from '../core/encoding.ts';
import { pinOf } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import type { Host } from '../core/x509/hosts.ts';
import { PROFILES, type ProfileName, profileNames } from '../core/x509/profiles.ts';
import { CERTIFICATE_PREFIX, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { assertAbsent } from './new-files.ts';
import type { Realm } from './realm.ts';
import { storePages } from './store-pages.ts';

/** The files of a host. */
export interface HostFiles {
  readonly key: string;
  readonly certificate: string;
}

/** A host whose key file is there and whose certificate file is not. */
export interface InterruptedHost {
  readonly host: Host;
  readonly key: PortableKey;
  /** Of the certificate that was issued for the key; left out where the key came no further than its file. */
  readonly record?: CertificateRecord;
}

export interface Remaining {
  readonly fresh: readonly Host[];
  readonly interrupted: readonly InterruptedHost[];
  /** Names of hosts that have both files. */
  readonly skipped: readonly string[];
}

export interface RemainingInput {
  readonly ca: string;
  readonly profile: ProfileName;
  readonly hosts: readonly Host[];
  readonly passphrase?: Secret | undefined;
  readonly resume?: boolean;
}

/**
 * Without `resume` every host must be new. With it those that have a certificate file are left out, and a key file alone, which a crash
 * leaves behind, is used again.
 * @throws ERR_FILE_EXISTS, also for a key whose certificate is another one than is asked for, revoked or over; ERR_PEM_MALFORMED, ERR_KEY_*
 */
export async function remainingHosts(
  realm: Realm,
  keys: PortableKeys,
  input: RemainingInput,
  filesOf: (host: Host) => HostFiles,
): Promise<Remaining> {
  const fresh: Host[] = [];
  const alone: { host: Host; key: PortableKey }[] = [];
  const skipped: string[] = [];
  for (const host of input.hosts) {
    const { key, certificate } = filesOf(host);
    if (input.resume !== true) await assertAbsent(realm.files, [key, certificate]);
    else if ((await realm.files.stat(certificate)) !== undefined) {
      skipped.push(host.name);
      continue;
    } else if ((await realm.files.stat(key)) !== undefined) {
      alone.push({ host, key: await openKey(realm, keys, key, input.passphrase) });
      continue;
    }
    fresh.push(host);
  }
  const records = await recordsOf(realm, new Set(alone.map(({ key }) => pinOf(key.spki))));
  const interrupted = alone.map((one): InterruptedHost => {
    const ofKey = records.filter(({ spki_pin }) => spki_pin === pinOf(one.key.spki));
    return ofKey.length === 0 ? one : { ...one, record: fittingRecord(realm, input, one.host, ofKey, filesOf(one.host).key) };
  });
  return { fresh, interrupted, skipped };
}

const MAX_KEY_BYTES = 64 * 1024;

async function openKey({ files }: Realm, keys: PortableKeys, path: string, passphrase: Secret | undefined): Promise<PortableKey> {
  return keys.open(decodeUtf8(await files.read(path, MAX_KEY_BYTES), path), path, () => {
    if (passphrase !== undefined) return Promise.resolve(passphrase);
    throw new JoineryError('ERR_KEY_PASSPHRASE', `${path}: expected --key-passphrase-file for an encrypted key, found none`);
  });
}

/** Of these keys, among all that were ever issued: read only when a key lies there alone. */
async function recordsOf({ store }: Realm, pins: ReadonlySet<string>): Promise<readonly CertificateRecord[]> {
  const found: CertificateRecord[] = [];
  if (pins.size === 0) return found;
  for await (const page of storePages(store, CERTIFICATE_PREFIX))
    found.push(...page.map(({ key, value }) => parseCertificateRecord(key, value)).filter(({ spki_pin }) => pins.has(spki_pin)));
  return found;
}

/** What is written again is what is asked for now, of a key that was never revoked. @throws ERR_FILE_EXISTS */
function fittingRecord(
  realm: Realm,
  input: RemainingInput,
  host: Host,
  ofKey: readonly CertificateRecord[],
  path: string,
): CertificateRecord {
  const names = profileNames(PROFILES[input.profile], host.names, realm.config.trust_domain).map(generalNameText);
  const wanted = [input.ca, input.profile, ...names].join('\n');
  const now = realm.clock.now();
  const record = ofKey.find(({ ca, profile, sans, not_after }) => [ca, profile, ...sans].join('\n') === wanted && not_after > now);
  if (record !== undefined && ofKey.every(({ revoked }) => revoked === undefined)) return record;
  const serials = ofKey.map(({ serial }) => serial);
  throw new JoineryError('ERR_FILE_EXISTS', `${path}: expected a new file, or the key of a certificate like this one, found another key`, {
    hint: `it is the key of certificate ${serials.join(', ')}; remove the file to make a new one`,
    details: { path, serials },
  });
}
