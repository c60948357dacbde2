/** Proves a package from its files alone: nothing of the realm that made it is needed, only the digest of its first trust. */
import { canonicalJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { type CheckRow, Checklist, type Passed, passed, warned } from './checklist.ts';
import { FORMAT_TABLE } from './formats/table.ts';
import { type Inspection, inspectArtifacts } from './inspect.ts';
import { nodeLayout } from './layout.ts';
import { describeSize, type Gunzip, userDataSize } from './limits.ts';
import {
  describePackage,
  GZIP_PATH,
  listedPaths,
  packageFile,
  type PackageManifest,
  type PackagePath,
  parsePackageManifest,
  TOKEN_PATH,
} from './manifest.ts';
import { isTokenText, type TrustParts } from './model.ts';
import { assertFingerprints, assertNoPrivateKey, assertPaths, assertUrls, urlsAt } from './rules.ts';
import { checkPackageToken, grantOfToken } from './token.ts';
import { type PackageTrust, readPackageTrust } from './trust.ts';
import {
  artifactsOf,
  assertSet,
  bytesOf,
  checkFiles,
  checkModes,
  checkSums,
  jsonOf,
  malformedPackage,
  type PackageEntry,
  type PackageFiles,
} from './verify-files.ts';
import { checkSignature, checkTrustRows, describeTrust, readTrustParts, type VerifyOptions } from './verify-trust.ts';

export const PACKAGE_CHECKS = [
  'files',
  'modes',
  'sums',
  'private-key',
  'payload',
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
  /** Where the payload could be read. */
  readonly inspection?: Inspection;
  /** The token that the package brings to the node, or beside. */
  readonly token?: Secret;
}

/** @param entries by path in the package. @returns a row for each of {@link PACKAGE_CHECKS}. */
export function verifyPackageFiles(entries: ReadonlyMap<string, PackageEntry>, options: VerifyOptions): PackageVerification {
  const list = new Checklist(PACKAGE_CHECKS);
  const files = list.run('files', () => checkFiles(entries));
  if (files === undefined) return { rows: list.rows };
  list.run('modes', () => checkModes(entries, files, options.ignoreModes));
  list.run('sums', () => checkSums(files));
  const inspection = list.run('payload', () => checkPayload(files, options.gunzip));
  list.run('private-key', () => checkPrivateKey(files, inspection, options.gunzip));
  const manifest = list.run('manifest', () => checkManifest(files));
  if (inspection === undefined) return { rows: list.rows };
  const token = inspection.model.token ?? tokenBeside(files);
  if (manifest !== undefined) checkMeaning(list, { files, inspection, manifest, options, token });
  return { rows: list.rows, inspection, ...(token !== undefined && { token }) };
}

interface Subject {
  readonly files: PackageFiles;
  readonly inspection: Inspection;
  readonly manifest: PackageManifest;
  readonly options: VerifyOptions;
  readonly token: Secret | undefined;
}

function checkMeaning(list: Checklist<PackageCheck>, subject: Subject): void {
  const { onboarding } = subject.inspection.model;
  list.run('token', () => checkToken(subject));
  list.run('contents', () => checkContents(subject));
  list.run('paths', () => {
    assertPaths(onboarding);
    return passed(PURPOSES.map((purpose) => nodeLayout(onboarding).bundles[purpose]).join(' and '));
  });
  list.run('urls', () => checkUrls(subject));
  list.run('size', () => checkSize(subject));
  const parts = list.run('fingerprints', () => checkFingerprints(subject));
  const trust = parts && list.run('trust-manifests', () => checkTrust(subject, parts));
  if (trust !== undefined) checkTrustRows(list, trust, subject.options, () => checkPackageSignature(subject, trust));
}

function checkPackageSignature({ files, manifest, options }: Subject, trust: PackageTrust): Passed<true> {
  const what = 'package.sig.json';
  return checkSignature({ envelope: jsonOf(files, what), what, type: 'package+jws', document: manifest }, trust, options.verifySignature);
}

function checkPayload(files: PackageFiles, gunzip: Gunzip): Passed<Inspection> {
  const { format, artifacts } = artifactsOf(files, gunzip);
  const inspection = inspectArtifacts(format, artifacts);
  return { detail: `${format}: ${inspection.files.length} files for ${inspection.model.onboarding.directory}`, value: inspection };
}

/** Looks into the files as they lie there, and into those that the payload carries in base64. */
function checkPrivateKey(files: PackageFiles, inspection: Inspection | undefined, gunzip: Gunzip): Passed<true> {
  const carried = [...(inspection?.files ?? []), ...(inspection?.model.parts ?? []).map(({ name, bytes }) => ({ path: name, bytes }))];
  assertNoPrivateKey([...[...files].map(([path, bytes]) => ({ path, bytes })), ...carried], gunzip);
  return passed(`none in ${files.size + carried.length} files`);
}

function checkManifest(files: PackageFiles): Passed<PackageManifest> {
  const manifest = parsePackageManifest(jsonOf(files, 'package.json'), 'package.json');
  assertSet(files, manifest);
  return { detail: `cluster ${manifest.cluster}, role ${manifest.role}, made ${manifest.created_at}`, value: manifest };
}

function tokenBeside(files: PackageFiles): Secret | undefined {
  const bytes = files.get(TOKEN_PATH);
  const text = bytes && Buffer.from(bytes).toString('latin1');
  return text !== undefined && isTokenText(text) ? new Secret(text) : undefined;
}

function checkToken({ files, inspection, manifest, options, token }: Subject): Passed<true> {
  if (token === undefined && files.has(TOKEN_PATH))
    throw malformedPackage(`${TOKEN_PATH}: expected a token of printable characters, found something else`);
  const { onboarding } = inspection.model;
  const { token_override: allowed } = manifest;
  const detail = checkPackageToken(token, onboarding, options.now, allowed);
  const reasons = Object.values(allowed ?? {});
  return reasons.length > 0 ? warned(`${detail}: ${reasons.join(', ')}`) : passed(detail);
}

/** Describes what is there anew and compares: every digest, mode and owner, the pins, the token and all else that is said about it. */
function checkContents({ files, inspection, manifest, token }: Subject): Passed<true> {
  const { model } = inspection;
  const content = listedPaths(manifest).map((path) => packageFile(path, bytesOf(files, path)));
  const { target, compression, token_override: tokenOverride, url_override: urlOverride } = manifest;
  const described = describePackage(model.onboarding, content, inspection.files, {
    format: inspection.format,
    ...(target !== undefined && { target }),
    ...(compression !== undefined && { compression }),
    grant: token && grantOfToken(token),
    ...(tokenOverride !== undefined && { tokenOverride }),
    urlOverride,
  });
  for (const member of new Set([...Object.keys(described), ...Object.keys(manifest)]) as Set<keyof PackageManifest>) {
    if (canonicalJson(described[member] ?? null) !== canonicalJson(manifest[member] ?? null)) {
      throw new JoineryError('ERR_PACKAGE_INVALID', `package.json: ${member}: expected what the files say, found something else`);
    }
  }
  checkCopies(files, inspection);
  return passed(`${manifest.files.length} files here and ${manifest.node_files.length} on the node as the manifest says`);
}

function checkCopies(files: PackageFiles, { model, files: nodeFiles }: Inspection): void {
  if (model.trust === undefined) return;
  const layout = nodeLayout(model.onboarding);
  const copies = PURPOSES.flatMap((purpose) => [
    [`trust/${purpose}.pem`, layout.bundles[purpose]] as const,
    [`trust/${purpose}.manifest.json`, layout.manifests[purpose]] as const,
  ]);
  for (const [path, nodePath] of copies) {
    const onNode = nodeFiles.find((file) => file.path === nodePath)?.bytes as Uint8Array;
    if (digestOf(bytesOf(files, path)) !== digestOf(onNode)) {
      throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected the copy of what the node gets, found something else`);
    }
  }
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

function checkSize({ files, inspection, manifest }: Subject): Passed<true> {
  const { userData } = FORMAT_TABLE[inspection.format];
  if (userData === undefined) return passed('no user-data: no platform limits it');
  const bytes = files.get(userData) ?? bytesOf(files, GZIP_PATH);
  const size = userDataSize(bytes.length);
  const { target } = manifest;
  if (target !== undefined && size.tooLargeFor.includes(target))
    throw new JoineryError('ERR_PACKAGE_SIZE', `expected user-data that fits ${target}, found ${describeSize(size)}`);
  return passed(describeSize(size));
}

/** What the package brings beside, which is all there is where the node fetches its trust. */
function checkFingerprints({ files, inspection }: Subject): Passed<TrustParts> {
  const { onboarding, trust } = inspection.model;
  const parts = trust ?? readTrustParts((path) => bytesOf(files, path as PackagePath));
  assertFingerprints(onboarding, parts);
  return { detail: PURPOSES.map((purpose) => onboarding.trust[purpose].sha256_fingerprint).join(' and '), value: parts };
}

function checkTrust({ inspection, options }: Subject, parts: TrustParts): Passed<PackageTrust> {
  const trust = readPackageTrust(inspection.model.onboarding, parts, options.verifySignature);
  return { detail: describeTrust(trust), value: trust };
}
