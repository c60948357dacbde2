/** Removes what the store remembers of tokens that ended long enough ago to mean nothing any more; audit records stay. */
import { isJsonObject, type JsonObject, type JsonValue } from '../core/canonical-json.ts';
import type { StoreEntry } from '../core/ports.ts';
import type { Instant } from '../core/time.ts';
import { SAME_REQUEST_GRACE } from '../core/token/use.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { storePages } from './store-pages.ts';
import { moveClockMark } from './token-state.ts';

const PREFIXES = ['token-use/', 'token-revoked/', 'token/jwt/', 'token/k3s/', 'token/kubeadm/', 'token/omnirelay/', 'token/secure/'];
const PAGE = 2000;

export interface CollectTokensResult {
  readonly removed: number;
  readonly kept: number;
}

/**
 * Goes through the records page by page; each page is one commit with one audit record, so that it can be interrupted anywhere.
 * @throws ERR_CLOCK_BEHIND: a clock set back, and later forward, must not make it forget uses that still count.
 */
export async function collectTokens(realm: Realm): Promise<CollectTokensResult> {
  const now = realm.clock.now();
  await moveClockMark(realm.store, now);
  let removed = 0;
  let kept = 0;
  for (const prefix of PREFIXES) {
    for await (const page of storePages(realm.store, prefix, PAGE)) {
      const ended = page.filter((entry) => endOf(entry.value) <= now);
      if (ended.length > 0) await remove(realm, now, prefix, ended);
      removed += ended.length;
      kept += page.length - ended.length;
    }
  }
  return { removed, kept };
}

async function remove(realm: Realm, now: Instant, prefix: string, ended: readonly StoreEntry[]): Promise<void> {
  await commit(realm.store, {
    checks: ended.map(({ key, version }) => ({ key, version })),
    writes: [...ended.map(({ key }) => ({ key, delete: true as const })), ...(await moveClockMark(realm.store, now))],
    audit: [auditEvent(realm, { event: 'token.collect', subject: prefix, details: { removed: ended.length } })],
  });
}

/** From when on a record means nothing: its `until`, or the end of the token that it registers and the grace after it. */
function endOf(value: JsonValue): number {
  const { until, expires_at: expiresAt, claims } = value as JsonObject;
  if (typeof until === 'number') return until;
  const end = isJsonObject(claims) ? claims['exp'] : expiresAt;
  return typeof end === 'number' ? end + SAME_REQUEST_GRACE : Infinity;
}
