/** The audit events of trust bundles, with the fields that the seed asks for; refusals are recorded too. */
import type { AuditEventName } from '../core/audit/events.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { isJoineryError } from '../core/errors.ts';
import type { AuditEvent } from '../core/ports.ts';
import type { SignedManifest } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export type TrustEventName = Extract<AuditEventName, `bootstrap_trust.${string}`>;

/** The event of a version that was made or activated; actor, environment and correlation id come from the realm. */
export function trustEvent(realm: Realm, event: TrustEventName, signed: SignedManifest, extra: JsonObject = {}): AuditEvent {
  const { purpose, trust_bundle_version, replaces_version, sha256_fingerprint, reason } = signed.manifest;
  const details = {
    purpose,
    trust_bundle_version,
    ...(replaces_version !== undefined && { replaces_version }),
    fingerprint: sha256_fingerprint,
    digest: signed.digest,
    ...extra,
  };
  return auditEvent(realm, { event, subject: `${purpose}/${trust_bundle_version}`, details, ...(reason !== undefined && { reason }) });
}

/** What was asked for is forbidden, or was no such thing: garbage offered as an anchor is an attempt as well. */
const AUDITED: ReadonlySet<string> = new Set(['refused', 'malformed']);

/**
 * Runs the work of an event; when it is refused, that is recorded before the refusal is reported.
 * @param asked what was asked for, as far as it is known.
 */
export async function auditingRefusal<T>(
  realm: Realm,
  event: TrustEventName,
  purpose: Purpose,
  asked: JsonObject,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isJoineryError(error) && AUDITED.has(error.family)) {
      const details = { purpose, ...asked, code: error.code };
      const refusal = auditEvent(realm, { event, subject: purpose, result: 'refused', reason: error.code, details });
      await commit(realm.store, { checks: [], writes: [], audit: [refusal] });
    }
    throw error;
  }
}
