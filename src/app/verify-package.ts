import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { type CheckRow, failedRow, type Passed, passed, passedRow } from '../core/onboarding/checklist.ts';
import type { Onboarding } from '../core/onboarding/model.ts';
import { verifyPackageFiles } from '../core/onboarding/verify.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { Clock, Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { readPackage } from './read-package.ts';
import type { Realm } from './realm.ts';
import { findActive, readVersions } from './trust-records.ts';
import { verifyToken } from './verify-token.ts';

export interface VerifyPackageOptions {
  /** Digest of the control-plane-https manifest, from another channel. */
  readonly trustDigest?: Digest;
  /** For a medium without modes (FAT). */
  readonly ignoreModes?: boolean;
  /** The realm that made the package: knows whether token and trust are still good. */
  readonly realm?: Realm;
}

export interface VerifyPackageResult {
  readonly ok: boolean;
  readonly rows: readonly CheckRow[];
}

/** The world that a package is proved in: no realm. */
export interface VerifyWorld {
  readonly files: Files;
  readonly clock: Clock;
  readonly verifySignature: VerifySignature;
  readonly gunzip: Gunzip;
}

/**
 * Proves a package by its files, and by the realm where there is one. Every check is a row; writes nothing.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_PACKAGE_MALFORMED when there is no package to look at.
 */
export async function verifyPackage(world: VerifyWorld, directory: string, options: VerifyPackageOptions): Promise<VerifyPackageResult> {
  const { trustDigest, ignoreModes = false, realm } = options;
  const entries = await readPackage(world.files, directory);
  const verification = verifyPackageFiles(entries, {
    now: world.clock.now(),
    verifySignature: world.verifySignature,
    gunzip: world.gunzip,
    knownDigests: await knownDigests(realm, trustDigest),
    ignoreModes,
  });
  const { rows, inspection, token } = verification;
  const onboarding = inspection?.model.onboarding;
  const all = [...rows, ...(realm && onboarding ? await realmRows(realm, onboarding, [{ node: onboarding.node, token }]) : [])];
  return { ok: all.every((row) => row.result !== 'failed' && row.result !== 'skipped'), rows: all };
}

/** The digests that a realm knows to be genuine. */
export async function knownDigests(realm: Realm | undefined, trustDigest: Digest | undefined): Promise<readonly Digest[]> {
  if (trustDigest !== undefined) return [trustDigest];
  return realm === undefined ? [] : (await readVersions(realm, 'control-plane-https')).map((version) => version.signed.digest);
}

export interface PackageToken {
  readonly node: string | undefined;
  readonly token: Secret | undefined;
}

/** What only the realm knows: whether every token is still good, and whether newer trust is active. */
export async function realmRows(realm: Realm, onboarding: Onboarding, tokens: readonly PackageToken[]): Promise<readonly CheckRow[]> {
  const rows = [await row('realm-token', () => checkTokens(realm, onboarding, tokens))];
  for (const purpose of PURPOSES) rows.push(await row(`realm-trust ${purpose}`, () => checkCurrent(realm, onboarding, purpose)));
  return rows;
}

async function row(check: string, work: () => Promise<Passed<true>>): Promise<CheckRow> {
  try {
    return passedRow(check, await work());
  } catch (error) {
    return failedRow(check, error);
  }
}

async function checkTokens(realm: Realm, { cluster, role }: Onboarding, tokens: readonly PackageToken[]): Promise<Passed<true>> {
  for (const { node, token } of tokens) {
    if (token === undefined) return passed('no token');
    await verifyToken(realm, { token: token.reveal(), cluster, role, ...(node !== undefined && { node }) });
  }
  return passed('signed by this realm, neither used nor revoked');
}

async function checkCurrent(realm: Realm, onboarding: Onboarding, purpose: Purpose): Promise<Passed<true>> {
  const { version, manifest_digest: digest } = onboarding.trust[purpose];
  const { value: active } = await findActive(realm, purpose);
  if (active?.digest === digest) return passed(`version ${version} is active`);
  const found = active === undefined ? 'none active' : `version ${active.version} active`;
  throw new JoineryError(
    'ERR_PACKAGE_TRUST',
    `${purpose}: expected version ${version} of the package to be active in the realm, found ${found}`,
    {
      hint: 'render the package again',
    },
  );
}
