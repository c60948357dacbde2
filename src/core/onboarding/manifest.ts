/**
 * The manifest of a package, `joinery/package/1`: every file with its place, mode, owner and digest, both as the operator holds the
 * package (`files`) and as the node will (`node_files`).
 *
 * It is signed by the working signer of the `control-plane-https` trust manifest inside the package, not by a key of its own: the
 * one anchor that a receiver must know is the digest of that manifest, which names its signers, so that a package proves itself with
 * nothing more than the first trust that it brings anyway. The key is offline; its passphrase is asked for minting the token already.
 * `typ` in the protected header keeps the two kinds of documents apart, so that neither signature passes for the other.
 */
import type { JsonValue } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { dnsName, name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../parse.ts';
import { formatInstant, type Instant } from '../time.ts';
import { type Grant, TOKEN_FORMATS } from '../token/grant.ts';
import type { Envelope } from '../trust/envelope.ts';
import { digestText, instantText, versionNumber } from '../trust/manifest.ts';
import type { Purpose } from '../trust/purpose.ts';
import { octal } from './formats/artifact.ts';
import { type ArtifactPath, FORMAT_TABLE, type FormatName, FORMATS } from './formats/table.ts';
import { jsonFile, manifestFile, type NodeFile } from './files.ts';
import { TARGETS } from './limits.ts';
import type { Onboarding, TrustParts, TrustPin } from './model.ts';
import { nodePath, nodeUrl } from './values.ts';

/** What may lie in a package directory on the operator's machine, each with its mode: what may hold the token is nobody else's. */
export const PACKAGE_FILE_MODES = {
  'user-data': 0o600,
  'user-data.gz': 0o600,
  'meta-data': 0o600,
  'seed.iso': 0o600,
  'setup.sh': 0o600,
  'node.tar': 0o600,
  'config.ign': 0o600,
  'join-token': 0o600,
  'trust/control-plane-https.pem': 0o644,
  'trust/control-plane-https.manifest.json': 0o644,
  'trust/node-cert-lifecycle.pem': 0o644,
  'trust/node-cert-lifecycle.manifest.json': 0o644,
  'package.json': 0o644,
  'package.sig.json': 0o644,
  SHA256SUMS: 0o644,
} as const satisfies Record<ArtifactPath, number> & Record<string, number>;

export type PackagePath = keyof typeof PACKAGE_FILE_MODES;
export const PACKAGE_PATHS = Object.keys(PACKAGE_FILE_MODES) as readonly PackagePath[];
/** Last in the directory: they cover the others, and one the other. */
const COVERS: readonly PackagePath[] = ['package.json', 'package.sig.json', 'SHA256SUMS'];
const LISTED_PATHS = PACKAGE_PATHS.filter((path) => !COVERS.includes(path));
const TRUST_PATHS = PACKAGE_PATHS.filter((path) => path.startsWith('trust/'));

/** The token beside the document that does not hold it: for the way that it takes instead. */
export const TOKEN_PATH = 'join-token';
export const GZIP_PATH = 'user-data.gz';

/** What the manifest of a package lists, in its order. */
export function listedPaths({
  format,
  compression,
  token,
}: Pick<PackageManifest, 'format' | 'compression' | 'token'>): readonly PackagePath[] {
  const artifacts = FORMAT_TABLE[format].paths.map((path) => (compression === 'gzip' && path === 'user-data' ? GZIP_PATH : path));
  const beside = token === undefined || token.delivery === 'embedded' ? [] : [TOKEN_PATH];
  const present = new Set<string>([...artifacts, ...beside, ...TRUST_PATHS]);
  return LISTED_PATHS.filter((path) => present.has(path));
}

/** All of them. */
export function packagePaths(manifest: PackageManifest): readonly PackagePath[] {
  return [...listedPaths(manifest), ...COVERS];
}

const MODES = ['0600', '0640', '0644', '0755'] as const;
const mode = oneOf(MODES);
const reason = string({ minLength: 1, maxLength: 500 });
export const pin = object({ version: versionNumber(), manifest_digest: digestText(), sha256_fingerprint: digestText() });

export const tokenOverride = object({ multi_use: optional(reason), long_lived: optional(reason) });
export const urlOverride = object({ reason, urls: array(nodeUrl(), { minItems: 1, maxItems: 22 }) });

const packageManifest = object({
  schema: oneOf(['joinery/package/1']),
  format: oneOf(FORMATS),
  /** Platform whose limit it was rendered for. */
  target: optional(oneOf(TARGETS)),
  compression: optional(oneOf(['gzip'])),
  created_at: instantText(),
  environment: object({ name: name(), domain: dnsName() }),
  cluster: name(),
  role: name(),
  node: optional(name()),
  trust: object({ 'control-plane-https': pin, 'node-cert-lifecycle': pin }),
  token: optional(
    object({
      format: oneOf(TOKEN_FORMATS),
      id: string({ minLength: 1, maxLength: 128 }),
      expires_at: instantText(),
      max_uses: integer(1),
      delivery: oneOf(['embedded', 'systemd-credential', 'file-later']),
    }),
  ),
  /** Why the token is more powerful than a package's should be. */
  token_override: optional(tokenOverride),
  url_override: optional(urlOverride),
  files: array(object({ path: oneOf(LISTED_PATHS), mode, sha256: digestText() }), { maxItems: LISTED_PATHS.length }),
  node_files: array(object({ path: nodePath(), owner: string({ maxLength: 64 }), mode, sha256: digestText() }), { maxItems: 100 }),
});

export type PackageManifest = Parsed<typeof packageManifest>;
export type UrlOverride = NonNullable<PackageManifest['url_override']>;

/** @throws ERR_PACKAGE_MALFORMED with every wrong path. */
export function parsePackageManifest(value: JsonValue, what: string): PackageManifest {
  return parseDocument(packageManifest, value, what, 'ERR_PACKAGE_MALFORMED');
}

export interface PackageFile {
  readonly path: PackagePath;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

export function packageFile(path: PackagePath, bytes: Uint8Array): PackageFile {
  return { path, mode: PACKAGE_FILE_MODES[path], bytes };
}

/** Bundles and manifests for the operator to look at, and for a node that fetches them. */
export function trustFiles({ 'control-plane-https': https, 'node-cert-lifecycle': nodeCert }: TrustParts): readonly PackageFile[] {
  return [
    packageFile('trust/control-plane-https.pem', utf8(https.bundlePem)),
    packageFile('trust/control-plane-https.manifest.json', manifestFile(https)),
    packageFile('trust/node-cert-lifecycle.pem', utf8(nodeCert.bundlePem)),
    packageFile('trust/node-cert-lifecycle.manifest.json', manifestFile(nodeCert)),
  ];
}

/** What a package says about itself beyond the model. */
export interface ManifestFacts {
  readonly format: FormatName;
  readonly target?: PackageManifest['target'];
  readonly compression?: PackageManifest['compression'];
  /** What the token of the package grants; none where there is no token. */
  readonly grant: Grant | undefined;
  readonly tokenOverride?: PackageManifest['token_override'];
  readonly urlOverride: UrlOverride | undefined;
}

/** The manifest of a package whose files are final. @param files the listed ones, in the order of {@link listedPaths}. */
export function describePackage(
  onboarding: Onboarding,
  files: readonly PackageFile[],
  nodeFiles: readonly NodeFile[],
  { format, target, compression, grant, tokenOverride, urlOverride }: ManifestFacts,
): PackageManifest {
  const { created_at, environment, cluster, role, node, trust } = onboarding;
  return {
    schema: 'joinery/package/1',
    format,
    ...(target !== undefined && { target }),
    ...(compression !== undefined && { compression }),
    created_at,
    environment,
    cluster,
    role,
    ...(node !== undefined && { node }),
    trust: { 'control-plane-https': pinOf(trust['control-plane-https']), 'node-cert-lifecycle': pinOf(trust['node-cert-lifecycle']) },
    ...(grant !== undefined && { token: tokenFacts(grant, onboarding) }),
    ...(tokenOverride !== undefined && { token_override: tokenOverride }),
    ...(urlOverride !== undefined && { url_override: urlOverride }),
    files: files.map((file) => ({ path: file.path, mode: modeText(file.mode), sha256: digestOf(file.bytes) })),
    node_files: nodeFiles.map((file) => ({ path: file.path, owner: file.owner, mode: modeText(file.mode), sha256: digestOf(file.bytes) })),
  };
}

export function pinOf({ version, manifest_digest, sha256_fingerprint }: TrustPin): PackageManifest['trust'][Purpose] {
  return { version, manifest_digest, sha256_fingerprint };
}

/** A token in a package has an end and a number of uses (rules.ts). */
function tokenFacts(
  { format, id, expiresAt, maxUses }: Grant,
  { token_delivery: delivery }: Onboarding,
): NonNullable<PackageManifest['token']> {
  const way = delivery === 'systemd-credential' || delivery === 'file-later' ? delivery : 'embedded';
  return { format, id, expires_at: formatInstant(expiresAt as Instant), max_uses: maxUses as number, delivery: way };
}

function modeText(bits: number): (typeof MODES)[number] {
  return octal(bits) as (typeof MODES)[number];
}

/** All files of a package: the listed ones, the manifest, its signature, and the sums that `sha256sum -c` reads. */
export function sealPackage(files: readonly PackageFile[], manifest: PackageManifest, signature: Envelope): readonly PackageFile[] {
  const sealed = [...files, packageFile('package.json', jsonFile(manifest)), packageFile('package.sig.json', jsonFile(signature))];
  return [...sealed, packageFile('SHA256SUMS', utf8(renderSums(sealed)))];
}

/** What `sha256sum -c` reads. */
export function renderSums(files: readonly Pick<PackageFile, 'path' | 'bytes'>[]): string {
  return files.map((file) => `${digestOf(file.bytes)}  ${file.path}\n`).join('');
}

const SUM_LINE = /^([0-9a-f]{64}) {2}([A-Za-z0-9][A-Za-z0-9./-]{0,99})$/;

/** @returns path -> digest. @throws ERR_PACKAGE_MALFORMED */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const sums = new Map<string, string>();
  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    const [, digest, path] = SUM_LINE.exec(line) ?? [];
    if (path === undefined || sums.has(path)) {
      throw new JoineryError(
        'ERR_PACKAGE_MALFORMED',
        `SHA256SUMS, line ${index + 1}: expected a digest and a path, each path once, found another line`,
      );
    }
    sums.set(path, digest as string);
  }
  return sums;
}
