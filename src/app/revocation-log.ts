/** The list of revocations in the order in which they happened: `revocation-log/<seq>`, so that whoever follows it asks for what is new. */
import type { JsonValue } from '../core/canonical-json.ts';
import type { RevocationEntry } from '../core/join/messages.ts';
import { integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { Store, StoreCheck, StoreWrite } from '../core/ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { LOGGED_REASON_NAMES } from '../core/x509/crl-writer.ts';

export const REVOCATION_LOG = 'revocation-log/';
const HEAD = 'revocation-head';

const head = object({ seq: integer() });
const entry = object({
  serial: string({ maxLength: 40 }),
  fingerprint: optional(string({ maxLength: 64 })),
  spiffe_id: optional(string({ maxLength: 2048 })),
  node: optional(string({ maxLength: 63 })),
  cluster: optional(string({ maxLength: 63 })),
  at: integer(),
  reason: oneOf(LOGGED_REASON_NAMES),
});

export type LoggedRevocation = Parsed<typeof entry>;

/** Twelve digits, so that keys sort. */
const keyOf = (seq: number): string => `${REVOCATION_LOG}${String(seq).padStart(12, '0')}`;

export interface RevocationLogChange {
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
}

/** Places that the list has room for in a second between two restores. */
const PLACES_A_SECOND = 100;

/**
 * For a restore, which loses the end of the list: later entries get places beyond all that were ever given out, so that whoever followed
 * the lost end hears of them, and asks as before.
 */
export async function skipLostRevocations(store: Store, now: Instant): Promise<RevocationLogChange> {
  const { seq, check } = await readHead(store);
  return { checks: [check], writes: [{ key: HEAD, value: { seq: Math.max(seq, now * PLACES_A_SECOND) } }] };
}

async function readHead(store: Store): Promise<{ readonly seq: number; readonly check: StoreCheck }> {
  const stored = await store.get(HEAD);
  const { seq } = stored === undefined ? { seq: 0 } : parseDocument(head, stored.value, `state.db, record ${HEAD}`, 'ERR_REALM_MALFORMED');
  return { seq, check: { key: HEAD, version: stored?.version ?? 'absent' } };
}

/** What puts revocations at the end of the list, for the commit that revokes: both happen or neither. */
export async function appendRevocations(store: Store, entries: readonly LoggedRevocation[]): Promise<RevocationLogChange> {
  const { seq, check } = await readHead(store);
  return {
    checks: [check],
    writes: [
      { key: HEAD, value: { seq: seq + entries.length } },
      ...entries.map((revoked, index) => ({ key: keyOf(seq + index + 1), value: revoked })),
    ],
  };
}

/** Revocations after `since`, in order. @throws ERR_REALM_MALFORMED */
export async function readRevocations(store: Store, since: number, limit: number): Promise<readonly RevocationEntry[]> {
  const entries = await store.list(REVOCATION_LOG, { after: keyOf(since), limit });
  return entries.map(({ key, value }) => entryOf(key, value));
}

function entryOf(key: string, value: JsonValue): RevocationEntry {
  const { at, ...rest } = parseDocument(entry, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
  const { fingerprint, ...others } = rest;
  return {
    ...others,
    ...(fingerprint !== undefined && { fingerprint: fingerprint as NonNullable<RevocationEntry['fingerprint']> }),
    revoked_at: formatInstant(at as Instant),
    seq: Number(key.slice(REVOCATION_LOG.length)),
  };
}
