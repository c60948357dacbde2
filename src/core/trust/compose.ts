/** Makes the next manifest of a purpose from what the operator asks for, and says what changes. */
import { digestOf, type Fingerprint } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { PublicJwk } from '../jwk.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import type { Certificate } from '../x509/certificate.ts';
import { bundleOf } from './bundle.ts';
import { describeAnchor, MAX_ANCHORS, type Phase, type SignedManifest, type TrustManifest } from './manifest.ts';
import type { Purpose } from './purpose.ts';

export interface Composition<P extends Purpose> {
  readonly purpose: P;
  readonly version: number;
  readonly environment: { readonly name: string; readonly domain: string };
  /** The active version, which the new one replaces. */
  readonly replaces?: SignedManifest<P> | undefined;
  readonly anchors: readonly Certificate[];
  readonly now: Instant;
  /** Seconds from now. */
  readonly expires: number;
  /** Seconds from now in which the anchors that are left out still stand. */
  readonly grace?: number | undefined;
  /** Phases that the operator says, in place of those that follow from the anchors. */
  readonly phases?: ReadonlyMap<string, Phase> | undefined;
  readonly signers: readonly PublicJwk[];
  readonly minSignatures: number;
  readonly reason?: string | undefined;
  readonly sharedAnchorReason?: string | undefined;
}

/**
 * The manifest of the next version. With a grace window the anchors of the replaced version that were left out stay as
 * phasing-out and new ones come as phasing-in; without one all are active. An operator who knows better says another phase.
 * @throws ERR_USAGE for a grace window without a version to replace, a phase of an anchor that is not there or phasing-out without a window, ERR_INPUT_TOO_LARGE, ERR_TRUST_ANCHOR_EXPIRED
 */
export function composeManifest<P extends Purpose>(composition: Composition<P>): TrustManifest<P> {
  const { replaces, grace, now, reason, sharedAnchorReason } = composition;
  const phases = phasesOf(composition);
  for (const [fingerprint, phase] of composition.phases ?? [])
    phases.set(fingerprint as Fingerprint, placedAs(phases, fingerprint, phase, grace));
  const bundle = bundleOf([...phases.values()].map(({ certificate }) => certificate));
  assertStanding(bundle.anchors, now);
  return {
    schema: 'joinery/trust-bundle/1',
    purpose: composition.purpose,
    trust_bundle_version: composition.version,
    environment_name: composition.environment.name,
    environment_domain: composition.environment.domain,
    bundle_pem: bundle.pem,
    sha256_fingerprint: digestOf(utf8(bundle.pem)),
    published_at: formatInstant(now),
    ...(replaces && { replaces_version: replaces.manifest.trust_bundle_version, replaces_digest: replaces.digest }),
    expires_at: formatInstant(plus(now, composition.expires)),
    ...(grace !== undefined && { grace_until: formatInstant(plus(now, grace)) }),
    anchors: bundle.anchors.map((anchor) => describeAnchor(anchor, (phases.get(anchor.fingerprint) as Placed).phase)),
    signers: composition.signers,
    min_signatures: composition.minSignatures,
    ...(reason !== undefined && { reason }),
    ...(sharedAnchorReason !== undefined && { shared_anchor_reason: sharedAnchorReason }),
  };
}

interface Placed {
  readonly certificate: Certificate;
  readonly phase: Phase;
}

function phasesOf<P extends Purpose>({ replaces, anchors, grace }: Composition<P>): Map<Fingerprint, Placed> {
  const placed = new Map<Fingerprint, Placed>();
  for (const certificate of anchors) placed.set(certificate.fingerprint, { certificate, phase: 'active' });
  if (grace === undefined) return placed;
  if (replaces === undefined) {
    throw new JoineryError('ERR_USAGE', '--grace: expected an active version whose anchors would be kept, found none', {
      hint: 'leave --grace out of the first version',
    });
  }
  const before = new Set(replaces.anchors.map((anchor) => anchor.fingerprint));
  for (const certificate of anchors) {
    if (!before.has(certificate.fingerprint)) placed.set(certificate.fingerprint, { certificate, phase: 'phasing-in' });
  }
  for (const certificate of replaces.anchors) {
    if (!placed.has(certificate.fingerprint)) placed.set(certificate.fingerprint, { certificate, phase: 'phasing-out' });
  }
  return placed;
}

function placedAs(phases: ReadonlyMap<Fingerprint, Placed>, fingerprint: string, phase: Phase, grace: number | undefined): Placed {
  const placed = phases.get(fingerprint as Fingerprint);
  if (placed === undefined) {
    throw new JoineryError('ERR_USAGE', `--phase: expected an anchor of the new version, found ${fingerprint}`, {
      hint: 'name it with --ca or --pem too, or keep it with --grace',
    });
  }
  if (phase === 'phasing-out' && grace === undefined) {
    throw new JoineryError('ERR_USAGE', '--phase: expected --grace beside phasing-out, found none', {
      hint: '--grace says when the anchor may be retired',
    });
  }
  return { certificate: placed.certificate, phase };
}

function assertStanding(anchors: readonly Certificate[], now: Instant): void {
  if (anchors.length > MAX_ANCHORS) {
    throw new JoineryError('ERR_INPUT_TOO_LARGE', `trust bundle: expected at most ${MAX_ANCHORS} anchors, found ${anchors.length}`);
  }
  const expired = anchors.find((anchor) => anchor.notAfter < now);
  if (expired === undefined) return;
  const { subject, fingerprint, notAfter } = expired;
  throw new JoineryError(
    'ERR_TRUST_ANCHOR_EXPIRED',
    `trust bundle: expected anchors that stand, found ${subject.text} (${fingerprint}), expired on ${formatInstant(notAfter)}`,
    {
      details: { fingerprint },
    },
  );
}

export interface AnchorChange {
  readonly fingerprint: string;
  readonly subject: string;
  readonly change: 'added' | 'kept' | 'removed';
  /** Absent for an anchor that was removed. */
  readonly phase?: Phase;
  readonly not_after: string;
}

/** What a version changes against the one before: added and kept anchors in bundle order, then removed ones. */
export function compareAnchors(
  previous: Pick<SignedManifest, 'manifest' | 'anchors'> | undefined,
  next: Pick<SignedManifest, 'manifest' | 'anchors'>,
): readonly AnchorChange[] {
  const before = new Set(previous?.anchors.map((anchor) => anchor.fingerprint));
  const after = new Set(next.anchors.map((anchor) => anchor.fingerprint));
  const present = next.manifest.anchors.map((entry, index): AnchorChange => {
    const change = before.has(entry.fingerprint) ? 'kept' : 'added';
    const subject = (next.anchors[index] as Certificate).subject.text;
    return { fingerprint: entry.fingerprint, subject, change, phase: entry.phase, not_after: entry.not_after };
  });
  const removed = (previous?.anchors ?? [])
    .filter((anchor) => !after.has(anchor.fingerprint))
    .map(({ fingerprint, subject, notAfter }): AnchorChange => {
      return { fingerprint, subject: subject.text, change: 'removed', not_after: formatInstant(notAfter) };
    });
  return [...present, ...removed];
}
