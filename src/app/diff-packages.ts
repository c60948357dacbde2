import { diffPackages, type PackageDifference } from '../core/onboarding/diff.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import type { Files } from '../core/ports.ts';
import { inspectPackage } from './inspect-package.ts';

/** What two packages, or two rendered files, tell their nodes differently; nothing is verified. @throws as `inspectPackage` */
export async function diffPackagesAt(
  world: { readonly files: Files; readonly gunzip: Gunzip },
  from: string,
  to: string,
): Promise<PackageDifference> {
  return diffPackages(await inspectPackage(world, from), await inspectPackage(world, to));
}
