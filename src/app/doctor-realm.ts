/** Examines a realm: what is found is judged by `core/doctor`, and a check that fails does not stop the others. */
import { parsePem } from '../core/encoding.ts';
import { judgeClock, judgeConfig, judgeTokenKeys, judgeTokens } from '../core/doctor/config.ts';
import type { Disk } from '../core/doctor/disk.ts';
import { judgeFiles, REALM_FILES, type SeenFile } from '../core/doctor/files.ts';
import { type Finding, sortFindings } from '../core/doctor/finding.ts';
import { type AuthorityFacts, type CertificateFacts, type Horizons, judgeAuthority, judgeCertificates } from '../core/doctor/issuance.ts';
import { judgeShared, judgeTrust, type TrustFacts } from '../core/doctor/trust.ts';
import { isJoineryError } from '../core/errors.ts';
import type { Keychain } from '../core/key-ports.ts';
import type { Instant } from '../core/time.ts';
import { parseCertificate } from '../core/x509/certificate.ts';
import { PURPOSES } from '../core/trust/purpose.ts';
import { sharedAnchors } from '../core/trust/separation.ts';
import { parseRevocationList } from '../core/x509/crl.ts';
import { type CertificateAuthority, readCas } from './ca-records.ts';
import { CERTIFICATE_PREFIX, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { readClusters } from './cluster-records.ts';
import { examineEnrollments } from './doctor-enrollments.ts';
import { examineKeys } from './doctor-keys.ts';
import { guarded, seenFiles } from './doctor-files.ts';
import { crlFile } from './issue-crl.ts';
import { fetchPassphrase } from './keychain-passphrases.ts';
import { listTokens } from './list-tokens.ts';
import type { Realm } from './realm.ts';
import { parseRealmRecord } from './realm-record.ts';
import { listTokenKeys } from './token-keys.ts';
import { readClockMark } from './token-state.ts';
import { findLatest, findSigners, readActive } from './trust-records.ts';
import { verifyAudit } from './verify-audit.ts';
import { storeEntries } from './store-pages.ts';

export interface RealmExamination {
  readonly directory: string;
  readonly disk: Disk;
  readonly now: Instant;
  /** Versions of the format of the state. */
  format(): Promise<{ readonly found: number; readonly current: number }>;
  open(): Promise<Realm>;
  /** Opens every key and compares it with its record, which asks for passphrases. */
  readonly openKeys: boolean;
  /** Looked at only when it is given. */
  readonly keychain: (() => Promise<Keychain>) | undefined;
  readonly horizons: Horizons;
}

const DIRECTORIES = ['', 'keys', 'keys/offline', 'keys/online', 'ca', 'policies'];

/** @returns what is wrong, the worst first. */
export async function examineRealm(input: RealmExamination): Promise<readonly Finding[]> {
  const { directory, disk, now } = input;
  const seen = await seenFiles(disk, directory, DIRECTORIES);
  const findings: Finding[] = judgeFiles(directory, seen, REALM_FILES, now);
  findings.push(...(await guarded('state.db', () => examineFormat(input))));
  if (!findings.some(({ where }) => where === 'state.db')) findings.push(...(await guarded('realm', () => examineState(input, seen))));
  return sortFindings(findings);
}

async function examineFormat({ format }: RealmExamination): Promise<readonly Finding[]> {
  const { found, current } = await format();
  if (found === current) return [];
  const what = `expected format ${current}, found ${found}`;
  const next = found < current ? 'joinery realm upgrade' : 'use the version of joinery that wrote it, or a newer one';
  return [{ code: 'realm-format', severity: 'critical', where: 'state.db', what, next }];
}

async function examineState(input: RealmExamination, seen: readonly SeenFile[]): Promise<readonly Finding[]> {
  const realm = await input.open();
  const { now, horizons } = input;
  const files = seen.map(({ path }) => path);
  const checks: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ['joinery.yaml', () => Promise.resolve(judgeConfig(realm.config))],
    ['clock', async () => judgeClock(await readClockMark(realm.store), now)],
    ['keys', () => examineKeys(realm, files, input.openKeys)],
    ['authorities', () => examineAuthorities(realm, input, files)],
    ['trust', () => examineTrust(realm, now, horizons)],
    ['tokens', () => examineTokens(realm, now)],
    ['nodes', () => examineEnrollments(realm, now)],
    ['audit log', () => examineAudit(realm)],
    ['realm', () => examineRecord(realm)],
    ['policies', () => examinePolicies(realm, input.disk)],
    ['keychain', () => examineKeychain(realm, input.keychain)],
  ];
  const findings: Finding[] = [];
  for (const [where, check] of checks) findings.push(...(await guarded(where, check)));
  return findings;
}

async function examineAuthorities(
  realm: Realm,
  { disk, now, horizons, directory }: RealmExamination,
  files: readonly string[],
): Promise<readonly Finding[]> {
  const records = await certificateRecords(realm);
  const findings: Finding[] = [];
  for (const ca of await readCas(realm)) {
    const { name } = ca.record;
    const revocations = records.filter((record) => record.ca === name && record.revoked !== undefined && record.not_after >= now).length;
    const file = crlFile(name);
    const list = files.includes(file)
      ? { file, crl: parseRevocationList(await disk.read(`${directory}/${file}`, MAX_LIST), file) }
      : undefined;
    findings.push(...judgeAuthority(authorityFacts(ca, revocations, list), now, horizons));
  }
  const living = records.filter(({ revoked }) => revoked === undefined).map(certificateFacts);
  return [...findings, ...judgeCertificates(living, now, horizons), ...(await examineClusters(realm, now, horizons))];
}

const MAX_LIST = 32 * 1024 * 1024;

function authorityFacts({ record, certificate }: CertificateAuthority, revocations: number, list: AuthorityFacts['list']): AuthorityFacts {
  const { name, parent, key, revoked } = record;
  return { name, certificate, revoked: revoked !== undefined, isRoot: parent === undefined, custody: key?.custody, revocations, list };
}

function certificateFacts({ serial, subject, not_before: notBefore, not_after: notAfter, renews }: CertificateRecord): CertificateFacts {
  return { serial, subject, notBefore: notBefore as Instant, notAfter: notAfter as Instant, renews };
}

async function certificateRecords({ store }: Realm): Promise<readonly CertificateRecord[]> {
  const found: CertificateRecord[] = [];
  for await (const { key, value } of storeEntries(store, CERTIFICATE_PREFIX)) found.push(parseCertificateRecord(key, value));
  return found;
}

/** The shared certificate of a cluster has a record of its own. */
async function examineClusters(realm: Realm, now: Instant, horizons: Horizons): Promise<readonly Finding[]> {
  return (await readClusters(realm)).flatMap(({ record: { name, certificate } }) => {
    const [block] = parsePem(certificate.pem, `cluster ${name}`);
    const { notBefore, notAfter, subject } = parseCertificate(block?.der ?? new Uint8Array(0), `cluster ${name}`);
    return judgeCertificates(
      [{ serial: certificate.serial, subject: subject.text, notBefore, notAfter, renews: undefined }],
      now,
      horizons,
    );
  });
}

async function examineTrust(realm: Realm, now: Instant, horizons: Horizons): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const active: TrustFacts['active'][] = [];
  for (const purpose of PURPOSES) {
    const facts: TrustFacts = {
      purpose,
      latest: (await findLatest(realm, purpose)).value?.version ?? 0,
      active: (await readActive(realm, purpose)).value?.signed,
      signers: await signerFacts(realm, purpose),
    };
    findings.push(...judgeTrust(facts, now, horizons));
    active.push(facts.active);
  }
  const [ours, theirs] = active;
  if (ours === undefined || theirs === undefined) return findings;
  const others = (await readCas(realm)).map(({ certificate }) => certificate);
  const shared = sharedAnchors(ours.anchors, theirs.anchors, realm.verifySignature, others);
  return [...findings, ...judgeShared(shared, ours.manifest.shared_anchor_reason ?? theirs.manifest.shared_anchor_reason)];
}

async function signerFacts(realm: Realm, purpose: (typeof PURPOSES)[number]): Promise<TrustFacts['signers']> {
  try {
    const { min_signatures: required, signers } = (await findSigners(realm, purpose)).value;
    const current = signers.filter(({ status }) => status === 'current');
    return { required, current: current.length, online: current.filter(({ key }) => key?.custody === 'online').length };
  } catch (error) {
    if (isJoineryError(error, 'ERR_KEY_NOT_FOUND')) return undefined;
    throw error;
  }
}

const TOKEN_PAGE = 500;

async function examineTokens(realm: Realm, now: Instant): Promise<readonly Finding[]> {
  const findings = judgeTokenKeys(await listTokenKeys(realm), realm.config.server?.tokens === true, now);
  let after: string | undefined;
  do {
    const page = await listTokens(realm, { limit: TOKEN_PAGE, ...(after !== undefined && { after }) });
    findings.push(...judgeTokens(page.tokens.filter(({ status }) => status === 'usable').map(({ grant }) => grant)));
    after = page.next;
  } while (after !== undefined);
  return findings;
}

/** Records behind the last head may be lost unseen; so many are more than a day's work. */
const LONG_TAIL = 1000;

async function examineAudit(realm: Realm): Promise<readonly Finding[]> {
  const { checkpoints, tail, size } = await verifyAudit(realm);
  const next = 'sign a checkpoint and keep a copy elsewhere: joinery audit checkpoint --out FILE';
  if (checkpoints === 0)
    return [
      {
        code: 'audit-uncovered',
        severity: 'warn',
        where: 'audit log',
        what: `expected a signed checkpoint over the ${size} records, found none`,
        next,
      },
    ];
  if (tail <= LONG_TAIL) return [];
  const what = `expected at most ${LONG_TAIL} records behind the last checkpoint, found ${tail}`;
  return [{ code: 'audit-uncovered', severity: 'warn', where: 'audit log', what, next }];
}

async function examineRecord({ store }: Realm): Promise<readonly Finding[]> {
  if (!parseRealmRecord((await store.get('realm'))?.value).plaintext_keys) return [];
  const what = 'expected private keys under a passphrase, found a realm made with --insecure-plaintext-keys';
  return [
    {
      code: 'realm-plaintext',
      severity: 'critical',
      where: 'keys',
      what,
      next: 'use it for tests only; make a new realm without that flag',
    },
  ];
}

async function examinePolicies(realm: Realm, disk: Disk): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, policy } of realm.config.clusters) {
    if (policy === undefined) continue;
    const path = policy.startsWith('/') ? policy : `${realm.directory}/${policy}`;
    const entry = await disk.look(path);
    if (entry === undefined) {
      const what = `expected the policy of cluster ${name}, found no file`;
      findings.push({
        code: 'file-missing',
        severity: 'critical',
        where: path,
        what,
        next: 'put the policy back, or take clusters[].policy out of joinery.yaml',
      });
    } else findings.push(...judgeFiles(path, [{ path: '', entry }], [POLICY_RULE], realm.clock.now()));
  }
  return findings;
}

/** Whoever writes it decides who may join. */
const POLICY_RULE = { pattern: /^$/, kind: 'file', forbidden: 0o022, secret: false } as const;

async function examineKeychain(realm: Realm, open: RealmExamination['keychain']): Promise<readonly Finding[]> {
  if (open === undefined) return [];
  try {
    const keychain = await open();
    const missing: Finding[] = [];
    for (const custody of ['offline', 'online'] as const) {
      if ((await fetchPassphrase(realm, keychain, custody)) !== undefined) continue;
      const what = `expected the passphrase of the ${custody} keys in the keychain, found none`;
      missing.push({
        code: 'keychain',
        severity: 'info',
        where: keychain.library,
        what,
        next: `joinery realm keychain store --custody ${custody}`,
      });
    }
    return missing;
  } catch (error) {
    if (!isJoineryError(error, 'ERR_KEYCHAIN_UNAVAILABLE')) throw error;
    return [{ code: 'keychain', severity: 'warn', where: 'keychain', what: error.message, next: error.hint ?? 'use --passphrase-file' }];
  }
}
