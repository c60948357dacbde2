/** Looks at the trust history of a realm: every version, one version, and the active one as others carry it. */
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint } from '../core/jwk.ts';
import { type Envelope, validSigners } from '../core/trust/envelope.ts';
import { chainDocument } from '../core/trust/chain.ts';
import { type AnchorChange, compareAnchors } from '../core/trust/compose.ts';
import type { SignedManifest, TrustManifest } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { isExpired } from '../core/trust/transition.ts';
import type { Realm } from './realm.ts';
import { readActive, readVersion, readVersions, type StoredVersion, type VersionRecord } from './trust-records.ts';

/** `abandoned` was published, never activated, and cannot be any more. */
export type VersionState = 'published' | 'active' | 'superseded' | 'abandoned';

export interface TrustVersionSummary {
  readonly purpose: Purpose;
  readonly version: number;
  readonly state: VersionState;
  readonly digest: string;
  readonly fingerprint: string;
  readonly replaces: number | undefined;
  readonly publishedAt: string;
  readonly activatedAt: string | undefined;
  readonly expiresAt: string;
  readonly expired: boolean;
  readonly graceUntil: string | undefined;
  readonly anchors: number;
  readonly signatures: number;
  readonly minSignatures: number;
  readonly reason: string | undefined;
}

/** All versions of a purpose in order. */
export async function listTrust(realm: Realm, purpose: Purpose): Promise<readonly TrustVersionSummary[]> {
  const active = await readActive(realm, purpose);
  const versions = await readVersions(realm, purpose);
  return versions.map((stored) => summaryOf(realm, stored, active.value?.signed));
}

function summaryOf(realm: Realm, { signed, record }: StoredVersion, active: SignedManifest | undefined): TrustVersionSummary {
  const { manifest, digest, opened } = signed;
  return {
    purpose: manifest.purpose,
    version: manifest.trust_bundle_version,
    state: stateOf(signed, record, active),
    digest,
    fingerprint: manifest.sha256_fingerprint,
    replaces: manifest.replaces_version,
    publishedAt: manifest.published_at,
    activatedAt: record.activated_at,
    expiresAt: manifest.expires_at,
    expired: isExpired(manifest, realm.clock.now()),
    graceUntil: manifest.grace_until,
    anchors: manifest.anchors.length,
    signatures: validSigners(opened, manifest.signers, realm.verifySignature).length,
    minSignatures: manifest.min_signatures,
    reason: manifest.reason,
  };
}

function stateOf(signed: SignedManifest, record: VersionRecord, active: SignedManifest | undefined): VersionState {
  if (signed.digest === active?.digest) return 'active';
  if (record.activation !== undefined) return 'superseded';
  const { trust_bundle_version: version, replaces_digest: replaces } = signed.manifest;
  const follows = record.reset ? version > (active?.manifest.trust_bundle_version ?? 0) : replaces === active?.digest;
  return follows ? 'published' : 'abandoned';
}

export interface ShownTrust {
  readonly summary: TrustVersionSummary;
  readonly manifest: TrustManifest;
  readonly changes: readonly AnchorChange[];
}

/** One version (default: the active one) with what it changed. @throws ERR_TRUST_NOT_FOUND, ERR_TRUST_NOT_ACTIVATED */
export async function showTrust(realm: Realm, purpose: Purpose, version?: number): Promise<ShownTrust> {
  const active = await readActive(realm, purpose);
  const stored = version === undefined ? assertActive(active.value, purpose) : await readVersion(realm, purpose, version);
  const { manifest } = stored.signed;
  const replaced = manifest.replaces_version === undefined ? undefined : await readVersion(realm, purpose, manifest.replaces_version);
  return {
    summary: summaryOf(realm, stored, active.value?.signed),
    manifest,
    changes: compareAnchors(replaced?.signed, stored.signed),
  };
}

function assertActive<P extends Purpose>(active: StoredVersion<P> | undefined, purpose: P): StoredVersion<P> {
  if (active !== undefined) return active;
  throw new JoineryError('ERR_TRUST_NOT_ACTIVATED', `${purpose}: expected an active trust bundle version, found none`, {
    hint: `joinery trust publish --purpose ${purpose}, then joinery trust activate`,
  });
}

export interface TrustDifference {
  readonly from: TrustVersionSummary;
  readonly to: TrustVersionSummary;
  readonly changes: readonly AnchorChange[];
  /** Thumbprints of signers that came, and that went. */
  readonly signersAdded: readonly string[];
  readonly signersRemoved: readonly string[];
}

/** What lies between two versions. @throws ERR_TRUST_NOT_FOUND */
export async function diffTrust(realm: Realm, purpose: Purpose, from: number, to: number): Promise<TrustDifference> {
  const active = (await readActive(realm, purpose)).value?.signed;
  const [before, after] = [await readVersion(realm, purpose, from), await readVersion(realm, purpose, to)];
  const kids = ({ signed }: StoredVersion) => signed.manifest.signers.map((jwk) => jwkThumbprint(jwk));
  const [old, fresh] = [kids(before), kids(after)];
  return {
    from: summaryOf(realm, before, active),
    to: summaryOf(realm, after, active),
    changes: compareAnchors(before.signed, after.signed),
    signersAdded: fresh.filter((kid) => !old.includes(kid)),
    signersRemoved: old.filter((kid) => !fresh.includes(kid)),
  };
}

/** The active version as packages, servers and tokens carry it. */
export interface ActiveTrust<P extends Purpose = Purpose> {
  readonly signed: SignedManifest<P>;
  /** `joinery/trust-chain/1` with this one version: its manifest and its activation. */
  readonly document: JsonObject;
}

/** @throws ERR_TRUST_NOT_ACTIVATED, ERR_REALM_MALFORMED */
export async function activeTrust<P extends Purpose>(realm: Realm, purpose: P): Promise<ActiveTrust<P>> {
  const { signed, record } = assertActive((await readActive(realm, purpose)).value, purpose);
  // The record `active` is written in the commit that writes the activation, and never without it.
  return { signed, document: chainDocument([{ manifest: record.envelope, activation: record.activation as Envelope }]) };
}
