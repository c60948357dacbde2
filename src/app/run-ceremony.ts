/** Performs a reviewed ceremony: every step is signed by the same builder, and all of it is one commit. */
import type { Ceremony } from '../core/ceremony/document.ts';
import { type CeremonyRecord, parseCeremonyRecord, recordBytes, recordDigest } from '../core/ceremony/record.ts';
import { verifyCeremony } from '../core/ceremony/verify.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { toBase64 } from '../core/encoding.ts';
import { formatInstant } from '../core/time.ts';
import { signSteps } from './ceremony-steps.ts';
import { inOneCommit } from './one-commit.ts';
import { assertNewNames, type CeremonyInput, prepareCeremony } from './plan-ceremony.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface RunCeremonyResult {
  readonly ceremony: Ceremony;
  readonly digest: Digest;
  readonly record: CeremonyRecord;
  readonly recordDigest: Digest;
  /** True when it was performed before: nothing was signed, and the record is the one of then. */
  readonly again: boolean;
}

const recordKey = (digest: Digest): string => `ceremony/${digest}`;

/**
 * Opens or makes the keys, signs every step, verifies the record as `ceremony verify` does, then commits: all steps or none.
 * @throws ERR_CEREMONY_MALFORMED, ERR_CEREMONY_AUTHORITY, ERR_CA_EXISTS, ERR_CA_NOT_FOUND, ERR_CA_REVOKED, ERR_CERTIFICATE_LINT, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function runCeremony(realm: Realm, input: CeremonyInput): Promise<RunCeremonyResult> {
  const { ceremony, digest, existing } = await prepareCeremony(realm, input);
  const done = await realm.store.get(recordKey(digest));
  if (done !== undefined) {
    const record = parseCeremonyRecord(done.value, `state.db, record ${recordKey(digest)}`);
    return { ceremony, digest, record, recordDigest: recordDigest(record), again: true };
  }
  await assertNewNames(realm, ceremony, input.what);
  const record = await inOneCommit(realm, async (staged) => {
    const startedAt = formatInstant(realm.clock.now());
    const steps = await signSteps(staged, ceremony, existing);
    const performed: CeremonyRecord = {
      schema: 'joinery/ceremony-record/1',
      ceremony: digest,
      title: ceremony.title,
      environment: ceremony.environment,
      operator: { ...realm.caller.actor },
      correlation_id: realm.caller.correlationId,
      started_at: startedAt,
      finished_at: formatInstant(realm.clock.now()),
      authorities: existing.map((ca) => ({ name: ca.record.name, certificate: toBase64(ca.certificate.der) })),
      steps,
    };
    verifyCeremony(ceremony, digest, performed, realm.verifySignature);
    await commit(staged.store, {
      checks: [{ key: recordKey(digest), version: 'absent' }],
      writes: [{ key: recordKey(digest), value: performed as unknown as JsonObject }],
      audit: [
        auditEvent(realm, {
          event: 'ca.ceremony',
          subject: digest,
          details: { title: ceremony.title, record: recordDigest(performed), steps: steps.map(({ label }) => label) },
        }),
      ],
    });
    return performed;
  });
  return { ceremony, digest, record, recordDigest: recordDigest(record), again: false };
}

/** The record as a file. */
export function ceremonyRecordFile(record: CeremonyRecord): Uint8Array {
  return recordBytes(record);
}
