/** The one way a version of a trust bundle comes to be, for publish, rollback and retire: composed, kept apart, signed, committed. */
import { JoineryError } from '../core/errors.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { type AnchorChange, compareAnchors, composeManifest } from '../core/trust/compose.ts';
import { type Envelope, signEnvelope, type Threshold, validSigners } from '../core/trust/envelope.ts';
import { MAX_VERSION, type Phase, readManifest, type SignedManifest, type TrustManifest } from '../core/trust/manifest.ts';
import { otherPurpose, type Purpose } from '../core/trust/purpose.ts';
import { assertSeparate } from '../core/trust/separation.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { readCas } from './ca-records.ts';
import { commit, type Realm } from './realm.ts';
import { type TrustEventName, trustEvent } from './trust-audit.ts';
import { asJson, findLatest, findSigners, latestKey, readActive, readVersion, versionKey, type VersionRecord } from './trust-records.ts';
import { currentSigners, openSigners } from './trust-signers.ts';

/** What the new version is to be. */
export interface Proposal<P extends Purpose> {
  readonly event: TrustEventName;
  readonly purpose: P;
  readonly anchors: readonly Certificate[];
  /** Seconds from now. */
  readonly expires: number;
  /** Seconds from now. */
  readonly grace?: number | undefined;
  /** By fingerprint. */
  readonly phases?: ReadonlyMap<string, Phase> | undefined;
  readonly reason?: string | undefined;
  readonly sharedAnchorReason?: string | undefined;
  /** Begins a new chain instead of replacing the active version, with a number above `above`. */
  readonly reset?: { readonly above?: number | undefined };
}

export interface PublishedTrust {
  readonly purpose: Purpose;
  readonly version: number;
  /** Of the canonical manifest: what first trust pins. */
  readonly digest: string;
  /** Of the PEM: what `sha256sum` says. */
  readonly fingerprint: string;
  readonly replaces: number | undefined;
  readonly expiresAt: string;
  readonly graceUntil: string | undefined;
  readonly anchors: readonly AnchorChange[];
  /** Signatures that hold for the version's own threshold. */
  readonly signatures: number;
  readonly minSignatures: number;
}

/** @throws what composing, separating, signing and committing throw. */
export async function proposeVersion<P extends Purpose>(realm: Realm, proposal: Proposal<P>): Promise<PublishedTrust> {
  const { purpose, event } = proposal;
  const now = realm.clock.now();
  const [latest, active, signers] = [await findLatest(realm, purpose), await readActive(realm, purpose), await findSigners(realm, purpose)];
  const replaced = proposal.reset === undefined ? active.value?.signed : undefined;
  const manifest = composeManifest({
    ...proposal,
    version: nextVersion(Math.max(latest.value?.version ?? 0, proposal.reset?.above ?? 0)),
    environment: realm.config.environment,
    replaces: replaced,
    now,
    signers: currentSigners(signers.value),
    minSignatures: signers.value.min_signatures,
  });
  const thresholds: Threshold[] = [manifest, ...(replaced ? [replaced.manifest] : [])];
  await assertApart(realm, purpose, proposal.anchors, proposal.sharedAnchorReason);
  const keys = await openSigners(realm, signers.value, thresholds);
  const envelope = await signEnvelope(asJson(manifest), 'trust-bundle+jws', keys);
  // Read back as every reader will read it: what cannot be read is not published.
  const signed = readManifest(envelope, purpose, realm.verifySignature, `${purpose} version ${manifest.trust_bundle_version}`);
  await commit(realm.store, {
    checks: [latest.check, active.check, signers.check],
    writes: [
      {
        key: versionKey(purpose, manifest.trust_bundle_version),
        value: asJson(recordOf(manifest, envelope, signed, now, proposal.reset !== undefined)),
      },
      { key: latestKey(purpose), value: { version: manifest.trust_bundle_version, digest: signed.digest } },
    ],
    audit: [trustEvent(realm, event, signed)],
  });
  return published(realm, active.value?.signed, signed);
}

function nextVersion(latest: number): number {
  if (latest < MAX_VERSION) return latest + 1;
  throw new JoineryError('ERR_TRUST_FAST_FORWARD', `expected a version up to ${MAX_VERSION}, found no number left`);
}

function recordOf(manifest: TrustManifest, envelope: Envelope, signed: SignedManifest, now: Instant, reset: boolean): VersionRecord {
  const record = { manifest: asJson(manifest), envelope, digest: signed.digest, published_at: formatInstant(now) };
  return reset ? { ...record, reset } : record;
}

function published(realm: Realm, previous: SignedManifest | undefined, signed: SignedManifest): PublishedTrust {
  const { manifest, digest, opened } = signed;
  return {
    purpose: manifest.purpose,
    version: manifest.trust_bundle_version,
    digest,
    fingerprint: manifest.sha256_fingerprint,
    replaces: manifest.replaces_version,
    expiresAt: manifest.expires_at,
    graceUntil: manifest.grace_until,
    anchors: compareAnchors(previous, signed),
    signatures: validSigners(opened, manifest.signers, realm.verifySignature).length,
    minSignatures: manifest.min_signatures,
  };
}

/**
 * Compares with the other purpose's active and latest versions: what is published there may be activated at any time.
 * @throws ERR_TRUST_ANCHOR_SHARED
 */
export async function assertApart(
  realm: Realm,
  purpose: Purpose,
  anchors: readonly Certificate[],
  reason: string | undefined,
): Promise<void> {
  const other = otherPurpose(purpose);
  const [latest, active] = [await findLatest(realm, other), await readActive(realm, other)];
  const theirs = [...(active.value?.signed.anchors ?? [])];
  if (latest.value !== undefined) theirs.push(...(await readVersion(realm, other, latest.value.version)).signed.anchors);
  const crossCertificates = (await readCas(realm)).map((ca) => ca.certificate);
  assertSeparate({ purpose, anchors }, { purpose: other, anchors: theirs }, reason, realm.verifySignature, crossCertificates);
}
