/** Model in, finished package out: rendered, read back, described. What is left is the signature. */
import type { JsonObject } from '../canonical-json.ts';
import { nodeFiles } from './files.ts';
import { renderInspected } from './inspect.ts';
import { contentFiles, describePackage, type PackageFile, type PackageManifest, type UrlOverride } from './manifest.ts';
import type { PackageModel } from './model.ts';
import { assertFingerprints, assertNoPrivateKey, assertPaths, assertUrls } from './rules.ts';
import { grantOfPackage } from './token.ts';

export interface UnsignedPackage {
  readonly files: readonly PackageFile[];
  readonly manifest: PackageManifest & JsonObject;
}

/**
 * The same model and script give the same bytes.
 * @param trustCheck the script of `templates/trust-check.sh`.
 * @throws ERR_PACKAGE_PATH, ERR_PACKAGE_URL, ERR_PACKAGE_TRUST, ERR_PACKAGE_PRIVATE_KEY, ERR_PACKAGE_MALFORMED, ERR_PACKAGE_UNFAITHFUL
 */
export function assemblePackage(model: PackageModel, trustCheck: Uint8Array, urlOverride: UrlOverride | undefined): UnsignedPackage {
  assertPaths(model.onboarding);
  assertUrls(model.onboarding, urlOverride?.urls ?? []);
  assertFingerprints(model);
  const carried = nodeFiles(model, trustCheck);
  assertNoPrivateKey(carried);
  const files = contentFiles(model, renderInspected(model, trustCheck));
  const manifest = describePackage(model.onboarding, files, carried, { grant: grantOfPackage(model), urlOverride });
  return { files, manifest: manifest as PackageManifest & JsonObject };
}
