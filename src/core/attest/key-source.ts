/** Keys of an issuer that change: kept for a while, got again when a token names one that is not known, and never more often than is polite. */
import { isJoineryError, JoineryError } from '../errors.ts';
import type { Clock } from '../ports.ts';
import type { Instant } from '../time.ts';
import { type AnyVerificationKey, parseAnyJwks } from '../token/jws-keys.ts';

export interface KeySourceOptions {
  /** Names it in errors. */
  readonly what: string;
  readonly clock: Clock;
  /** Text of the JWK set. */
  load(): Promise<string>;
  /** Seconds after which keys are got again; default an hour. */
  readonly ttl?: number;
}

export interface KeySource {
  /** @throws ERR_ATTESTATION_UNAVAILABLE when there are none, and none that are not too old */
  keys(): Promise<readonly AnyVerificationKey[]>;
  /** Keys that were got since `known`, for a token by a key that is not among those; undefined when there are none. */
  newerThan(known: readonly AnyVerificationKey[]): Promise<readonly AnyVerificationKey[] | undefined>;
}

const DEFAULT_TTL = 3600;
/** Who sends tokens with invented key ids must not make this server a hammer. */
const MIN_INTERVAL = 30;
/** An issuer that is down for a day is not one whose keys have changed. */
const MAX_STALE = 86400;
const MAX_KEYS = 100;

interface Kept {
  readonly keys: readonly AnyVerificationKey[];
  readonly at: Instant;
}

export function keySource({ what, clock, load, ttl = DEFAULT_TTL }: KeySourceOptions): KeySource {
  let kept: Kept | undefined;
  let failure: unknown;
  let triedAt: number | undefined;
  let pending: Promise<void> | undefined;
  const within = (at: number | undefined, seconds: number): boolean => at !== undefined && clock.now() >= at && clock.now() - at < seconds;
  const tryLoad = async (): Promise<void> => {
    try {
      kept = { keys: readKeys(await load(), what), at: clock.now() };
      failure = undefined;
    } catch (error) {
      failure = error;
    } finally {
      triedAt = clock.now();
      pending = undefined;
    }
  };
  /** Whoever comes while it is under way waits for the same. */
  const refresh = async (): Promise<void> => {
    if (pending === undefined && within(triedAt, MIN_INTERVAL)) return;
    pending ??= tryLoad();
    await pending;
  };
  return {
    async keys() {
      if (!within(kept?.at, ttl)) await refresh();
      if (kept !== undefined && within(kept.at, MAX_STALE)) return kept.keys;
      throw unavailable(what, failure);
    },
    async newerThan(known) {
      if (kept?.keys === known) await refresh();
      return kept?.keys === known ? undefined : kept?.keys;
    },
  };
}

function readKeys(text: string, what: string): readonly AnyVerificationKey[] {
  const keys = parseAnyJwks(text, what);
  if (keys.length <= MAX_KEYS) return keys;
  throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected at most ${MAX_KEYS} keys, found ${keys.length}`);
}

function unavailable(what: string, cause: unknown): JoineryError {
  const found = isJoineryError(cause) ? cause.message : 'none';
  return new JoineryError('ERR_ATTESTATION_UNAVAILABLE', `keys of the issuer: expected a JWK set, found ${found}`, {
    hint: `the server must reach ${what}, or have the keys in a file (jwks_file)`,
    cause,
  });
}
