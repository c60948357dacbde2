/** Verifies trust documents without a realm: the whole chain, from its first manifest on, and against an index. */
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { Clock } from '../core/ports.ts';
import { compareWithIndex, type IndexProblem, type TrustIndex } from '../core/trust/index-document.ts';
import { readManifest } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { type MissingLink, type Offer, walkTrust } from '../core/trust/walk.ts';

export interface VerifyTrust {
  readonly purpose: Purpose;
  readonly offers: readonly Offer[];
  /** Of the first manifest. Without it the documents are proved to agree with each other, not whose they are. */
  readonly firstDigest?: Digest | undefined;
  readonly index?: TrustIndex | undefined;
}

export interface VerifiedTrust {
  readonly first: number;
  readonly version: number;
  readonly digest: string;
  readonly fingerprint: string;
  readonly expiresAt: string;
  readonly steps: number;
  readonly missing: MissingLink | undefined;
  readonly problems: readonly IndexProblem[];
}

/** @throws ERR_USAGE without a document, and what a walk on first contact throws */
export function verifyTrust(
  world: { readonly clock: Clock; readonly verifySignature: VerifySignature },
  input: VerifyTrust,
): VerifiedTrust {
  const { purpose, offers, index } = input;
  const { verifySignature: verify, clock } = world;
  const found = offers.map(({ version, what }) => {
    const { manifest, digest } = readManifest(version.manifest, purpose, verify, what);
    return { version: manifest.trust_bundle_version, digest };
  });
  const [lowest] = found.toSorted((a, b) => a.version - b.version);
  if (lowest === undefined) throw new JoineryError('ERR_USAGE', 'expected a trust document, found none');
  const environment = index && { environment_name: index.environment_name, environment_domain: index.environment_domain };
  const firstDigest = input.firstDigest ?? lowest.digest;
  const walk = walkTrust({ purpose, offers, known: undefined, firstDigest, now: clock.now(), verify, ...(environment && { environment }) });
  const [first, last] = [walk.steps[0], walk.steps.at(-1)].map((step) => step?.signed) as [Signed, Signed];
  const problems =
    index === undefined
      ? []
      : compareWithIndex(
          found,
          index.versions.filter((entry) => entry.purpose === purpose),
        );
  return {
    first: first.manifest.trust_bundle_version,
    version: last.manifest.trust_bundle_version,
    digest: last.digest,
    fingerprint: last.manifest.sha256_fingerprint,
    expiresAt: last.manifest.expires_at,
    steps: walk.steps.length,
    missing: walk.missing,
    problems,
  };
}

type Signed = ReturnType<typeof readManifest>;
