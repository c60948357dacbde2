/** Issues the client certificate of an administrator: here, by hand, and only for a name that the configuration allows. */
import { utf8 } from '../core/encoding.ts';
import type { KeyType, PortableKeys } from '../core/key-ports.ts';
import { adminOf } from '../core/realm/config.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import { parseSpki } from '../core/x509/algorithms.ts';
import { ADMIN_PROFILE } from '../core/x509/profiles.ts';
import { adminId } from '../core/x509/spiffe-id.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { chainPem } from './issue-certificates.ts';
import { type LeafChange, leafChange, openLeafIssuer, shortenedWarning } from './leaf-issuer.ts';
import { assertAbsent, ensureDirectory } from './new-files.ts';
import { commit, type Realm } from './realm.ts';

export interface IssueAdminInput {
  readonly name: string;
  /** The authority that signs. */
  readonly ca: string;
  readonly keyType: KeyType;
  /** Made (0700) where it is not there; `<name>.key` (0600) and `<name>.crt` are made in it. */
  readonly directory: string;
  /** Encrypts the key. */
  readonly passphrase?: Secret | undefined;
  /** Default 30 days. */
  readonly ttl?: Seconds | undefined;
}

export interface IssueAdminResult {
  readonly id: string;
  /** What the configuration lets it do. */
  readonly may: readonly string[];
  readonly record: CertificateRecord;
  readonly keyFile: string;
  readonly certificateFile: string;
  readonly warnings: readonly string[];
}

/** @throws ERR_ADMIN_UNKNOWN, ERR_FILE_EXISTS, ERR_CA_NOT_FOUND, ERR_CA_EXPIRED, ERR_CA_REVOKED, ERR_KEY_*, ERR_STORE_CONFLICT */
export async function issueAdmin(realm: Realm, keys: PortableKeys, input: IssueAdminInput): Promise<IssueAdminResult> {
  const { name, directory } = input;
  const { may } = adminOf(realm.config, name);
  const [keyFile, certificateFile] = [`${directory}/${name}.key`, `${directory}/${name}.crt`];
  await assertAbsent(realm.files, [keyFile, certificateFile]);
  const issuer = await openLeafIssuer(realm, input.ca);
  await ensureDirectory(realm.files, directory);
  const key = keys.generate(input.keyType);
  const id = adminId(realm.config.trust_domain, name);
  const names = [{ kind: 'uri', value: id }] as const;
  const leaf = await issuer.issue({ profile: ADMIN_PROFILE, names, publicKey: parseSpki(key.spki), ttl: input.ttl, what: name });
  const { records, ...change }: LeafChange = leafChange(realm, issuer, [leaf]);
  await commit(realm.store, change);
  await realm.files.create(keyFile, utf8(await key.toPem(input.passphrase)), 0o600);
  await realm.files.create(certificateFile, utf8(chainPem([leaf.der, ...issuer.intermediates])), 0o644);
  const warnings = [shortenedWarning(issuer, leaf) ?? []].flat();
  return { id, may, record: records[0] as CertificateRecord, keyFile, certificateFile, warnings };
}
