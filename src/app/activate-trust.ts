/** Activates a published version: from then on it may leave the realm, and nodes may walk to it. */
import { JoineryError } from '../core/errors.ts';
import { formatInstant } from '../core/time.ts';
import { activationStatement, readActivation } from '../core/trust/activation.ts';
import { signEnvelope } from '../core/trust/envelope.ts';
import type { SignedManifest } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { assertNotExpired, assertSelfSigned, assertSuccessor } from '../core/trust/transition.ts';
import { assertApart } from './propose-trust.ts';
import { commit, type Realm } from './realm.ts';
import { auditingRefusal, trustEvent } from './trust-audit.ts';
import { activeKey, asJson, findSigners, readActive, readVersion, versionKey } from './trust-records.ts';
import { openSigners } from './trust-signers.ts';

export interface ActivateTrust<P extends Purpose = Purpose> {
  readonly purpose: P;
  readonly version: number;
}

export interface ActivatedTrust {
  readonly purpose: Purpose;
  readonly version: number;
  readonly digest: string;
  readonly fingerprint: string;
  readonly replaces: number | undefined;
  readonly activatedAt: string;
  readonly expiresAt: string;
}

/**
 * @throws ERR_TRUST_NOT_FOUND, ERR_TRUST_NOT_NEWER, ERR_TRUST_EXPIRED, ERR_TRUST_THRESHOLD and the other refusals of a step, all
 *   audited; ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function activateTrust<P extends Purpose>(realm: Realm, input: ActivateTrust<P>): Promise<ActivatedTrust> {
  const { purpose, version } = input;
  return auditingRefusal(realm, 'bootstrap_trust.activate', purpose, { trust_bundle_version: version }, () =>
    activate(realm, purpose, version),
  );
}

async function activate(realm: Realm, purpose: Purpose, version: number): Promise<ActivatedTrust> {
  const { signed, record, check } = await readVersion(realm, purpose, version);
  const active = await readActive(realm, purpose);
  const now = realm.clock.now();
  const what = `${purpose} version ${version}`;
  // A version that begins a new chain has no predecessor, whatever is active.
  const previous = record.reset ? undefined : active.value?.signed;
  if (record.reset) assertAbove(active.value?.signed, version, what);
  else assertReplaces(previous, signed, what);
  assertNotExpired(signed.manifest, now, what);
  if (previous === undefined) assertSelfSigned(signed, realm.verifySignature, what);
  else assertSuccessor(previous, signed, realm.verifySignature, what);
  await assertApart(realm, purpose, signed.anchors, signed.manifest.shared_anchor_reason);

  const signers = await findSigners(realm, purpose);
  const keys = await openSigners(realm, signers.value, [{ signers: signed.manifest.signers, min_signatures: 1 }]);
  const statement = activationStatement(signed, now, realm.caller.actor.name);
  const activation = await signEnvelope(statement, 'trust-activation+jws', keys);
  readActivation(activation, signed, realm.verifySignature, `activation of ${what}`);
  const activatedAt = formatInstant(now);
  await commit(realm.store, {
    checks: [check, active.check],
    writes: [
      { key: versionKey(purpose, version), value: asJson({ ...record, activation, activated_at: activatedAt }) },
      { key: activeKey(purpose), value: { version, digest: signed.digest } },
    ],
    audit: [trustEvent(realm, 'bootstrap_trust.activate', signed)],
  });
  const { sha256_fingerprint: fingerprint, replaces_version: replaces, expires_at: expiresAt } = signed.manifest;
  return { purpose, version, digest: signed.digest, fingerprint, replaces, activatedAt, expiresAt };
}

function assertAbove(active: SignedManifest | undefined, version: number, what: string): void {
  const held = active?.manifest.trust_bundle_version ?? 0;
  if (version > held) return;
  throw new JoineryError('ERR_TRUST_NOT_NEWER', `${what}: expected a version above ${held}, which is active, found ${version}`);
}

/** Only the version that was made to follow the active one may follow it; a version beside the chain stays behind for good. */
function assertReplaces(active: SignedManifest | undefined, next: SignedManifest, what: string): void {
  const held = active?.manifest.trust_bundle_version;
  const { trust_bundle_version: version, replaces_version: replaces } = next.manifest;
  if (version > (held ?? 0) && replaces === held) return;
  const found = version === held ? 'the active version itself' : `one that replaces ${replaces ?? 'none'}`;
  throw new JoineryError(
    'ERR_TRUST_NOT_NEWER',
    `${what}: expected a version that replaces ${held ?? 'none'}, which is active, found ${found}`,
    {
      hint: 'publish the content again: the new version will follow the active one',
      details: { active: held ?? null, replaces: replaces ?? null },
    },
  );
}
