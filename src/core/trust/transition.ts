/** From version N of a trust bundle to the next: TUF's root rule (TUF 5.3) with a hash link, so that a chain cannot be re-cut. */
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { formatInstant } from '../time.ts';
import { assertThreshold } from './envelope.ts';
import { assertPurpose, instantOf, type SignedManifest, type TrustManifest } from './manifest.ts';
import type { Purpose } from './purpose.ts';

/**
 * How many versions one step may jump. Versions that were published and never activated leave gaps, small ones; a jump to the
 * last number is a stolen key that wants to make every later version a rollback (TUF: fast-forward).
 */
export const MAX_VERSION_STEP = 1000;

/** A manifest is signed by its own threshold of its own signers. @throws ERR_TRUST_SIGNER_UNKNOWN, ERR_TRUST_SIGNATURE, ERR_TRUST_THRESHOLD */
export function assertSelfSigned(signed: SignedManifest, verify: VerifySignature, what: string): void {
  assertThreshold(signed.opened, signed.manifest, verify, what, `the signers of version ${signed.manifest.trust_bundle_version}`);
}

/**
 * `next` may replace `previous`: same purpose, environment and domain; higher version; the hash link; N's threshold by N's keys
 * and its own by its own.
 * @throws ERR_TRUST_PURPOSE, ERR_TRUST_ENVIRONMENT, ERR_TRUST_VERSION_CHANGED, ERR_TRUST_ROLLBACK, ERR_TRUST_FAST_FORWARD,
 *   ERR_TRUST_LINK_MISSING, ERR_TRUST_SIGNER_UNKNOWN, ERR_TRUST_SIGNATURE, ERR_TRUST_THRESHOLD
 */
export function assertSuccessor<P extends Purpose>(
  previous: SignedManifest<P>,
  next: SignedManifest<P>,
  verify: VerifySignature,
  what: string,
): void {
  assertPurpose(next.manifest.purpose, previous.manifest.purpose, what);
  assertEnvironment(next.manifest, previous.manifest, what);
  assertVersion(previous, next, what);
  const { trust_bundle_version: version } = previous.manifest;
  if (next.manifest.replaces_version !== version || next.manifest.replaces_digest !== previous.digest) {
    throw new JoineryError(
      'ERR_TRUST_LINK_MISSING',
      `${what}: expected a version that replaces ${version} (${previous.digest}), found ${link(next)}`,
      {
        hint: 'give the versions between them as well',
        details: { held: version, replaces_version: next.manifest.replaces_version ?? null },
      },
    );
  }
  assertThreshold(next.opened, previous.manifest, verify, what, `the signers of version ${version}`);
  assertSelfSigned(next, verify, what);
}

function link({ manifest: { replaces_version, replaces_digest } }: SignedManifest): string {
  return replaces_version === undefined ? 'one that replaces none' : `one that replaces ${replaces_version} (${replaces_digest})`;
}

/** @throws ERR_TRUST_ENVIRONMENT (TUF: mix-and-match) */
export function assertEnvironment(
  found: Pick<TrustManifest, 'environment_name' | 'environment_domain'>,
  expected: Partial<Pick<TrustManifest, 'environment_name' | 'environment_domain'>>,
  what: string,
): void {
  for (const member of ['environment_name', 'environment_domain'] as const) {
    if (expected[member] !== undefined && found[member] !== expected[member]) {
      throw new JoineryError('ERR_TRUST_ENVIRONMENT', `${what}: ${member}: expected ${expected[member]}, found ${found[member]}`);
    }
  }
}

function assertVersion(previous: SignedManifest, next: SignedManifest, what: string): void {
  const held = previous.manifest.trust_bundle_version;
  const offered = next.manifest.trust_bundle_version;
  if (offered === held) {
    throw new JoineryError(
      'ERR_TRUST_VERSION_CHANGED',
      `${what}: expected version ${held} with digest ${previous.digest}, found ${next.digest}`,
    );
  }
  if (offered < held) throw new JoineryError('ERR_TRUST_ROLLBACK', `${what}: expected a version above ${held}, found ${offered}`);
  if (offered - held > MAX_VERSION_STEP) {
    throw new JoineryError('ERR_TRUST_FAST_FORWARD', `${what}: expected a version up to ${held + MAX_VERSION_STEP}, found ${offered}`);
  }
}

export function isExpired(manifest: TrustManifest, now: Instant): boolean {
  return instantOf(manifest.expires_at) <= now;
}

/** @throws ERR_TRUST_EXPIRED (TUF: freeze) */
export function assertNotExpired(manifest: TrustManifest, now: Instant, what: string): void {
  if (!isExpired(manifest, now)) return;
  throw new JoineryError(
    'ERR_TRUST_EXPIRED',
    `${what}: version ${manifest.trust_bundle_version}: expected an expiry after ${formatInstant(now)}, found ${manifest.expires_at}`,
    {
      hint: 'get the newest version of the trust bundle, or correct the clock',
    },
  );
}
