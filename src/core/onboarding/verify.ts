/** Proves a package from its files alone: nothing of the realm that made it is needed, only the digest of its first trust. */
import { canonicalJson, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { type Digest, digestOf } from '../digest.ts';
import { decodeUtf8, equalBytes } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { FileInfo } from '../ports.ts';
import type { Instant } from '../time.ts';
import { assertThreshold, openEnvelope } from '../trust/envelope.ts';
import { assertNotExpired } from '../trust/transition.ts';
import { assertSeparate } from '../trust/separation.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { type CheckRow, Checklist, type Passed, passed, warned } from './checklist.ts';
import { octal } from './cloud-config.ts';
import { jsonFile } from './files.ts';
import { type Inspection, inspectUserData } from './inspect.ts';
import { describeSize, userDataSize } from './limits.ts';
import {
  describePackage,
  LISTED_PATHS,
  PACKAGE_FILE_MODES,
  PACKAGE_PATHS,
  type PackageManifest,
  type PackagePath,
  parsePackageManifest,
  parseSums,
  renderSums,
} from './manifest.ts';
import { nodeLayout } from './layout.ts';
import { assertFingerprints, assertNoPrivateKey, assertPaths, assertUrls, urlsAt } from './rules.ts';
import { checkPackageToken, grantOfPackage } from './token.ts';
import { type PackageTrust, readPackageTrust } from './trust.ts';

/** One thing in the package directory. */
export interface PackageEntry {
  readonly kind: FileInfo['kind'];
  /** Permission bits. */
  readonly mode: number;
  /** Empty unless it is a file. */
  readonly bytes: Uint8Array;
}

export interface VerifyOptions {
  readonly now: Instant;
  readonly verifySignature: VerifySignature;
  /** Digests of control-plane-https manifests that are known from another channel to be genuine; none: not compared. */
  readonly knownDigests: readonly Digest[];
  /** For a file system without modes (FAT): differences are a warning. */
  readonly ignoreModes: boolean;
}

export const PACKAGE_CHECKS = [
  'files',
  'modes',
  'sums',
  'private-key',
  'user-data',
  'manifest',
  'contents',
  'paths',
  'fingerprints',
  'urls',
  'size',
  'token',
  'trust-manifests',
  'trust-separate',
  'trust-expiry',
  'first-trust',
  'signature',
] as const;
type PackageCheck = (typeof PACKAGE_CHECKS)[number];

export interface PackageVerification {
  readonly rows: readonly CheckRow[];
  /** Where the user-data could be read. */
  readonly inspection?: Inspection;
}

type Files = Readonly<Record<PackagePath, Uint8Array>>;

/** @param entries by path in the package. @returns a row for each of {@link PACKAGE_CHECKS}. */
export function verifyPackageFiles(entries: ReadonlyMap<string, PackageEntry>, options: VerifyOptions): PackageVerification {
  const list = new Checklist(PACKAGE_CHECKS);
  const files = list.run('files', () => checkFiles(entries));
  if (files === undefined) return { rows: list.rows };
  list.run('modes', () => checkModes(entries, options.ignoreModes));
  list.run('sums', () => checkSums(files));
  const inspection = list.run('user-data', () => checkUserData(files));
  list.run('private-key', () => checkPrivateKey(files, inspection));
  const manifest = list.run('manifest', () => checkManifest(files));
  if (inspection !== undefined && manifest !== undefined) checkMeaning(list, { files, inspection, manifest, options });
  return { rows: list.rows, ...(inspection !== undefined && { inspection }) };
}

interface Subject {
  readonly files: Files;
  readonly inspection: Inspection;
  readonly manifest: PackageManifest;
  readonly options: VerifyOptions;
}

function checkMeaning(list: Checklist<PackageCheck>, subject: Subject): void {
  const { files, inspection, options } = subject;
  const { model } = inspection;
  const { onboarding } = model;
  list.run('token', () => passed(checkPackageToken(model, options.now)));
  list.run('contents', () => checkContents(subject));
  list.run('paths', () => {
    assertPaths(onboarding);
    return passed(PURPOSES.map((purpose) => nodeLayout(onboarding).bundles[purpose]).join(' and '));
  });
  list.run('fingerprints', () => {
    assertFingerprints(model);
    return passed(PURPOSES.map((purpose) => onboarding.trust[purpose].sha256_fingerprint).join(' and '));
  });
  list.run('urls', () => checkUrls(subject));
  list.run('size', () => passed(describeSize(userDataSize(files['user-data'].length))));
  const trust = list.run('trust-manifests', () => checkTrust(inspection, options));
  if (trust !== undefined) checkTrustMeaning(list, subject, trust);
}

function checkTrustMeaning(list: Checklist<PackageCheck>, { files, manifest, options }: Subject, trust: PackageTrust): void {
  const { 'control-plane-https': https, 'node-cert-lifecycle': nodeCert } = trust;
  const { verifySignature: verify, now, knownDigests } = options;
  list.run('trust-separate', () => {
    const reason = https.manifest.shared_anchor_reason ?? nodeCert.manifest.shared_anchor_reason;
    assertSeparate(
      { purpose: 'control-plane-https', anchors: https.anchors },
      { purpose: 'node-cert-lifecycle', anchors: nodeCert.anchors },
      reason,
      verify,
    );
    return reason === undefined ? passed('no anchor in common') : warned(`shared on purpose: ${reason}`);
  });
  list.run('trust-expiry', () => {
    for (const purpose of PURPOSES) assertNotExpired(trust[purpose].manifest, now, purpose);
    return passed(`until ${https.manifest.expires_at} and ${nodeCert.manifest.expires_at}`);
  });
  list.run('first-trust', () => checkFirstTrust(https.digest, knownDigests));
  list.run('signature', () => {
    const opened = openEnvelope(jsonOf(files, 'package.sig.json'), 'package+jws', 'package.sig.json');
    if (canonicalJson(opened.payload) !== canonicalJson(manifest)) {
      throw new JoineryError(
        'ERR_PACKAGE_MALFORMED',
        'package.sig.json: expected the signature of package.json, found that of another document',
      );
    }
    // One signer is enough: a package is made for each node, while a threshold's keys may lie on machines far apart.
    assertThreshold(
      opened,
      { signers: https.manifest.signers, min_signatures: 1 },
      verify,
      'package.sig.json',
      'the signers of the first trust',
    );
    return passed(`by a signer of control-plane-https version ${https.manifest.trust_bundle_version}`);
  });
}

function malformed(message: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_MALFORMED', message);
}

/** No digest covers these files but that of a list which none covers: the spelling that joinery writes is the only one, so that nothing hides in it. */
function jsonOf(files: Files, path: PackagePath): JsonValue {
  const value = parseStrictJson(decodeUtf8(files[path], path), path);
  if (equalBytes(jsonFile(value), files[path])) return value;
  throw malformed(`${path}: expected RFC 8785 and a newline, found another spelling`);
}

function checkFiles(entries: ReadonlyMap<string, PackageEntry>): Passed<Files> {
  const missing = PACKAGE_PATHS.find((path) => !entries.has(path));
  if (missing !== undefined) throw malformed(`expected the file ${missing}, found none`);
  const known = new Set<string>([...PACKAGE_PATHS, 'trust']);
  const foreign = [...entries.keys()].find((path) => !known.has(path));
  if (foreign !== undefined) throw malformed(`expected the files of a package only, found ${foreign}`);
  const found = PACKAGE_PATHS.map((path) => ({ path, ...(entries.get(path) as PackageEntry) }));
  const odd = found.find((entry) => entry.kind !== 'file');
  if (odd !== undefined) throw malformed(`${odd.path}: expected a file, found ${odd.kind}`);
  const files = Object.fromEntries(found.map(({ path, bytes }) => [path, bytes])) as Files;
  return { detail: `${PACKAGE_PATHS.length} files and no other`, value: files };
}

function checkModes(entries: ReadonlyMap<string, PackageEntry>, ignore: boolean): Passed<true> {
  if (ignore) return warned('not compared: whoever can read the medium can read the token in user-data');
  for (const path of PACKAGE_PATHS) {
    const { mode } = entries.get(path) as PackageEntry;
    // Narrower is as good: a umask of 077 takes bits away.
    if ((mode & ~PACKAGE_FILE_MODES[path]) === 0) continue;
    const expected = octal(PACKAGE_FILE_MODES[path]);
    throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected mode ${expected} or narrower, found ${octal(mode)}`);
  }
  return passed('user-data at most 0600, the others at most 0644');
}

function checkSums(files: Files): Passed<true> {
  const text = decodeUtf8(files.SHA256SUMS, 'SHA256SUMS');
  const sums = parseSums(text);
  const listed = PACKAGE_PATHS.filter((path) => path !== 'SHA256SUMS');
  if (sums.size !== listed.length) throw malformed(`SHA256SUMS: expected ${listed.length} lines, found ${sums.size}`);
  for (const path of listed) {
    if (sums.get(path) !== digestOf(files[path]))
      throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected the digest of SHA256SUMS, found another`);
  }
  // No signature covers this file: nothing but its lines may stand in it.
  if (text !== renderSums(listed.map((path) => ({ path, bytes: files[path] }))))
    throw malformed('SHA256SUMS: expected the lines that joinery writes, found more or another order');
  return passed(`${listed.length} digests`);
}

function checkUserData(files: Files): Passed<Inspection> {
  const inspection = inspectUserData(decodeUtf8(files['user-data'], 'user-data'));
  return { detail: `${inspection.files.length} files for ${inspection.model.onboarding.directory}`, value: inspection };
}

/** Looks into the files as they lie there, and into those that user-data carries in base64. */
function checkPrivateKey(files: Files, inspection: Inspection | undefined): Passed<true> {
  const carried = inspection?.files ?? [];
  assertNoPrivateKey([...PACKAGE_PATHS.map((path) => ({ path, bytes: files[path] })), ...carried]);
  return passed(`none in ${PACKAGE_PATHS.length + carried.length} files`);
}

function checkManifest(files: Files): Passed<PackageManifest> {
  const manifest = parsePackageManifest(jsonOf(files, 'package.json'), 'package.json');
  return { detail: `cluster ${manifest.cluster}, role ${manifest.role}, made ${manifest.created_at}`, value: manifest };
}

/** Describes what is there anew and compares: every digest, mode and owner, the pins, the token and all else that is said about it. */
function checkContents({ files, inspection, manifest }: Subject): Passed<true> {
  const { model } = inspection;
  const grant = grantOfPackage(model);
  const content = LISTED_PATHS.map((path) => ({ path, mode: PACKAGE_FILE_MODES[path], bytes: files[path] }));
  const described = describePackage(model.onboarding, content, inspection.files, { grant, urlOverride: manifest.url_override });
  for (const member of new Set([...Object.keys(described), ...Object.keys(manifest)]) as Set<keyof PackageManifest>) {
    if (canonicalJson(described[member] ?? null) !== canonicalJson(manifest[member] ?? null)) {
      throw new JoineryError('ERR_PACKAGE_INVALID', `package.json: ${member}: expected what the files say, found something else`);
    }
  }
  const copies = PURPOSES.flatMap((purpose) => [
    [`trust/${purpose}.pem`, nodeLayout(model.onboarding).bundles[purpose]] as const,
    [`trust/${purpose}.manifest.json`, nodeLayout(model.onboarding).manifests[purpose]] as const,
  ]);
  for (const [path, nodePath] of copies) {
    const onNode = inspection.files.find((file) => file.path === nodePath)?.bytes as Uint8Array;
    if (digestOf(files[path]) !== digestOf(onNode)) {
      throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected the copy of what user-data writes, found something else`);
    }
  }
  return passed(`${manifest.files.length} files here and ${manifest.node_files.length} on the node as the manifest says`);
}

function checkUrls({ inspection, manifest }: Subject): Passed<true> {
  const { onboarding } = inspection.model;
  assertUrls(onboarding, manifest.url_override?.urls ?? []);
  const { domain } = onboarding.environment;
  const outside = urlsAt(onboarding, 'outside');
  if (outside.length > 0) return warned(`outside ${domain} with a reason: ${outside.join(', ')}: ${manifest.url_override?.reason}`);
  const beside = urlsAt(onboarding, 'beside');
  return beside.length > 0 ? warned(`beside ${domain}, not in it: ${beside.join(', ')}`) : passed(`in ${domain}`);
}

function checkTrust(inspection: Inspection, { verifySignature }: VerifyOptions): Passed<PackageTrust> {
  const trust = readPackageTrust(inspection.model, verifySignature);
  const detail = PURPOSES.map((purpose) => `${purpose} version ${trust[purpose].manifest.trust_bundle_version}`).join(', ');
  return { detail: `${detail}: signed and activated`, value: trust };
}

function checkFirstTrust(digest: Digest, known: readonly Digest[]): Passed<true> {
  if (known.length === 0) return warned(`not compared: ask the operator whether the digest is ${digest}, or give --trust-digest`);
  if (known.includes(digest)) return passed(digest);
  throw new JoineryError('ERR_TRUST_FIRST_DIGEST', `first trust: expected the digest ${known.at(-1)}, found ${digest}`);
}
