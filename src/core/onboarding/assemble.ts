/** Model in, finished package out: rendered, read back, described. What is left is the signature. */
import type { JsonObject } from '../canonical-json.ts';
import { utf8 } from '../encoding.ts';
import type { Secret } from '../secret.ts';
import { type NodeAssets, nodeFiles } from './files.ts';
import { FORMAT_TABLE, type FormatName, takesGzip } from './formats/table.ts';
import type { Artifact } from './formats/artifact.ts';
import { renderInspected } from './inspect.ts';
import { compressFor, fits, type Gunzip, type Target, userDataSize, type UserDataSize } from './limits.ts';
import {
  describePackage,
  GZIP_PATH,
  packageFile,
  type PackageFile,
  type PackageManifest,
  type PackagePath,
  TOKEN_PATH,
  trustFiles,
  type UrlOverride,
} from './manifest.ts';
import type { PackageModel, TrustParts } from './model.ts';
import { assertFingerprints, assertNoPrivateKey, assertPaths, assertSystemTrust, assertUrls, type TokenAllowance } from './rules.ts';
import { grantOfToken } from './token.ts';

/** Deterministic gzip (RFC 1952): time 0, no name, unknown system. @param smallest whatever time it takes: for what else does not fit. */
export type Gzip = (bytes: Uint8Array, smallest?: boolean) => Uint8Array;

export interface AssembleInput {
  readonly model: PackageModel;
  readonly format: FormatName;
  /** The same as the model's where it brings them. */
  readonly trust: TrustParts;
  /** The token that goes beside, for another way to the node. */
  readonly besideToken?: Secret;
  readonly assets: NodeAssets;
  readonly gzip: Gzip;
  readonly gunzip: Gunzip;
  readonly target?: Target;
  readonly tokenAllowance?: TokenAllowance;
  readonly urlOverride?: UrlOverride;
}

export interface UnsignedPackage {
  readonly files: readonly PackageFile[];
  readonly manifest: PackageManifest & JsonObject;
  /** Of what a platform takes as user-data. */
  readonly size?: UserDataSize;
}

/** What has to hold before anything is rendered. @throws ERR_PACKAGE_PATH, ERR_PACKAGE_URL, ERR_PACKAGE_TRUST, ERR_PACKAGE_SYSTEM_TRUST */
export function assertModel({ model: { onboarding }, trust, urlOverride }: AssembleInput): void {
  assertPaths(onboarding);
  assertUrls(onboarding, urlOverride?.urls ?? []);
  assertSystemTrust(onboarding);
  assertFingerprints(onboarding, trust);
}

/**
 * The same input gives the same bytes.
 * @throws what {@link assertModel} throws, ERR_PACKAGE_PRIVATE_KEY, ERR_PACKAGE_SIZE, ERR_PACKAGE_MALFORMED, ERR_PACKAGE_UNFAITHFUL
 */
export function assemblePackage(input: AssembleInput): UnsignedPackage {
  const { model, format, trust, besideToken, assets, gunzip, target, tokenAllowance, urlOverride } = input;
  assertModel(input);
  const carried = nodeFiles(model, assets);
  assertNoPrivateKey([...carried, ...(model.parts ?? []).map(({ name, bytes }) => ({ path: name, bytes }))], gunzip);
  const artifacts = renderInspected(format, model, assets);
  const { size, compressed } = fitTarget(artifacts, input);
  const rendered = artifacts.map(({ path, bytes }) =>
    compressed !== undefined && path === 'user-data' ? packageFile(GZIP_PATH, compressed) : packageFile(path as PackagePath, bytes),
  );
  const token = besideToken === undefined ? [] : [packageFile(TOKEN_PATH, utf8(besideToken.reveal()))];
  const files = [...rendered, ...token, ...trustFiles(trust)];
  const held = model.token ?? besideToken;
  const manifest = describePackage(model.onboarding, files, carried, {
    format,
    ...(target !== undefined && { target }),
    ...(compressed !== undefined && { compression: 'gzip' }),
    grant: held && grantOfToken(held),
    ...(tokenAllowance !== undefined && { tokenOverride: { ...tokenAllowance } }),
    urlOverride,
  });
  return { files, manifest: manifest as PackageManifest & JsonObject, ...(size !== undefined && { size }) };
}

/** Sizes are compared with limits where there is user-data; an archive is carried by other means. */
export function fitTarget(
  artifacts: readonly Artifact[],
  { format, gzip, target }: Pick<AssembleInput, 'format' | 'gzip' | 'target'>,
): { readonly size?: UserDataSize; readonly compressed?: Uint8Array } {
  const { userData } = FORMAT_TABLE[format];
  const found = artifacts.find(({ path }) => path === userData)?.bytes;
  if (found === undefined) return {};
  const small = takesGzip(format) ? packFor(target, found, gzip) : undefined;
  const size = userDataSize(found.length, small?.length);
  return target !== undefined && compressFor(target, format, size) ? { size, compressed: small as Uint8Array } : { size };
}

/** Compressed quickly, and as small as can be where that may fit and this does not: it saves less than a tenth. */
export function packFor(target: Target | undefined, bytes: Uint8Array, gzip: Gzip): Uint8Array {
  const quick = gzip(bytes);
  if (target === undefined || fits(target, bytes.length) || fits(target, quick.length)) return quick;
  return fits(target, quick.length * 0.9) ? gzip(bytes, true) : quick;
}
