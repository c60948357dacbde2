/** Where the store keeps what it remembers of tokens: registrations, uses, revocations, watermarks, and the clock mark. */
import type { JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { integer, object, optional, parseDocument, type Parsed, type Parser, string } from '../core/parse.ts';
import type { Store, StoreCheck, StoreWrite } from '../core/ports.ts';
import type { Instant } from '../core/time.ts';
import { checkClock } from '../core/token/checks.ts';
import type { Grant } from '../core/token/grant.ts';
import { SAME_REQUEST_GRACE, type TokenState } from '../core/token/use.ts';
import { parseRealmRecord } from './realm-record.ts';

const CLOCK = 'token/clock';

/** `until`: from then on the record has no meaning any more and may be collected; absent: never. */
const until = optional(integer());
const revocation = object({ revoked_at: integer(), reason: optional(string({ maxLength: 1024 })), until });
const watermark = object({ not_before: integer(), until });
const counter = object({ used: integer(), until });
/** What the use gave, to be given again to the same request. */
const result: Parser<JsonValue | undefined> & { readonly optional: true } = { schema: {}, optional: true, read: (value) => value };
const use = object({ node: string({ maxLength: 63 }), role: string({ maxLength: 63 }), used_at: integer(), until, result });
const clock = object({ at: integer() });

export type StoredUse = Parsed<typeof use>;

export type TokenName = Pick<Grant, 'format' | 'issuer' | 'id'>;

/** The part of a key that names one token; an issuer may hold any character. */
function nameOf({ format, issuer, id }: TokenName): string {
  return `${format}/${encodeURIComponent(issuer)}/${encodeURIComponent(id)}`;
}

export const tokenRecordKey = (token: Pick<TokenName, 'format' | 'id'>): string => `token/${token.format}/${encodeURIComponent(token.id)}`;
export const revocationKey = (token: TokenName): string => `token-revoked/${nameOf(token)}`;
export const counterKey = (token: TokenName): string => `token-use/${nameOf(token)}`;
export const useKey = (token: TokenName, keyThumbprint: string): string => `${counterKey(token)}/${encodeURIComponent(keyThumbprint)}`;

/** First instant at which nothing about the token can matter any more; absent for a token without end. */
export function untilOf(grant: Pick<Grant, 'expiresAt'>): { readonly until?: number } {
  return grant.expiresAt === null ? {} : { until: grant.expiresAt + SAME_REQUEST_GRACE };
}

export const nodeWatermarkKey = (node: string): string => `token-not-before/${node}`;

export interface ReadState {
  readonly state: TokenState;
  /** The use by the key that asks, if there is one. */
  readonly sameUse: StoredUse | undefined;
  /** That what was read has not changed, for the commit that relies on it. */
  readonly checks: readonly StoreCheck[];
}

/** Who asks, as far as that is known: decides which use and which watermark count. */
export interface Asker {
  readonly node?: string;
  readonly keyThumbprint?: string;
}

/**
 * Reads what the realm remembers of a token.
 * @throws ERR_REALM_MALFORMED
 */
export async function readTokenState(store: Store, grant: Grant, asker: Asker): Promise<ReadState> {
  const checks: StoreCheck[] = [];
  const read = async <T>(key: string, parser: Parser<T>): Promise<T | undefined> => {
    const entry = await store.get(key);
    checks.push({ key, version: entry?.version ?? 'absent' });
    return entry && parseDocument(parser, entry.value, `state.db, ${key}`, 'ERR_REALM_MALFORMED');
  };
  const node = asker.node ?? grant.node;
  const [revoked, used, same, nodeMark, realmMark, clockMark] = await Promise.all([
    read(revocationKey(grant), revocation),
    read(counterKey(grant), counter),
    asker.keyThumbprint === undefined ? undefined : read(useKey(grant, asker.keyThumbprint), use),
    node === undefined ? undefined : read(nodeWatermarkKey(node), watermark),
    readRealmMark(store),
    readClockMark(store),
  ]);
  const notBefore = Math.max(nodeMark?.not_before ?? 0, realmMark ?? 0);
  const state: TokenState = {
    revoked: revoked !== undefined,
    used: used?.used ?? 0,
    ...(notBefore > 0 && { notBefore: notBefore as Instant }),
    ...(clockMark !== undefined && { clockMark }),
    ...(same !== undefined && { sameKey: { node: same.node, role: same.role, usedAt: same.used_at as Instant } }),
  };
  return { state, sameUse: same, checks };
}

async function readRealmMark(store: Store): Promise<number | undefined> {
  return parseRealmRecord((await store.get('realm'))?.value).token_not_before;
}

/** The latest time that the realm has recorded. */
export async function readClockMark(store: Store): Promise<Instant | undefined> {
  const entry = await store.get(CLOCK);
  return entry && (parseDocument(clock, entry.value, `state.db, ${CLOCK}`, 'ERR_REALM_MALFORMED').at as Instant);
}

/**
 * The write that moves the clock mark, for every commit about tokens: at most one small row more. It needs no check: two
 * writers at once differ by less than the skew.
 * @throws ERR_CLOCK_BEHIND when `now` is behind the mark by more than the skew.
 */
export async function moveClockMark(store: Store, now: Instant): Promise<readonly StoreWrite[]> {
  const mark = await readClockMark(store);
  if (mark !== undefined) checkClock(mark, now);
  return mark !== undefined && mark >= now ? [] : [{ key: CLOCK, value: { at: now } }];
}

export function tokenNotFound(id: string): JoineryError {
  return new JoineryError(
    'ERR_TOKEN_NOT_FOUND',
    `token: expected the id of a token of this realm, found ${JSON.stringify(id.slice(0, 80))}`,
    {
      hint: 'see joinery token list',
    },
  );
}
