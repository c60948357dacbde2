import type { Clock, VerifyJws } from '../core/ports.ts';
import { assertRole, clusterOf, DEFAULT_MAX_TOKEN_LIFETIME } from '../core/realm/config.ts';
import type { Seconds } from '../core/time.ts';
import type { Expectations } from '../core/token/checks.ts';
import type { VerificationKey } from '../core/token/signer.ts';
import { type VerifiedToken, verifyJwt } from '../core/token/verify.ts';
import type { Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime, verificationKeys } from './token-keys.ts';
import { readTokenState } from './token-state.ts';

export interface VerifyTokenInput extends Omit<Expectations, 'issuer' | 'environment'> {
  readonly token: string;
  /** Verifies beside the realm's keys: an HMAC key, which the realm does not keep. */
  readonly extraKeys?: readonly VerificationKey[];
}

/**
 * Verifies a `jwt` join token against the realm: its keys, its issuer and environment, revocations and uses. Writes nothing.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN for what the caller expects, then the errors of {@link verifyJwt}.
 */
export async function verifyToken(realm: Realm, input: VerifyTokenInput): Promise<VerifiedToken> {
  const { config, store, clock, verifyJws } = realm;
  const { token, extraKeys = [], ...expected } = input;
  const cluster = clusterOf(config, expected.cluster);
  if (expected.role !== undefined) assertRole(cluster, expected.role);
  const rules = {
    now: clock.now(),
    maxLifetime: maxTokenLifetime(config),
    keys: [...(await verificationKeys(realm)), ...extraKeys],
    verifyJws,
    stateOf: async (grant: VerifiedToken['grant']) => (await readTokenState(store, grant, expected)).state,
  };
  return verifyJwt(token, rules, { ...expected, issuer: issuerOf(config), environment: config.environment.name });
}

export interface OfflineVerifyInput extends Expectations {
  readonly token: string;
  readonly keys: readonly VerificationKey[];
  /** Default 24 h. */
  readonly maxLifetime?: Seconds;
}

/** Verifies a `jwt` join token from keys alone. Revocation and uses are only known to the realm, and are reported as unchecked. */
export async function verifyTokenOffline(
  world: { readonly clock: Clock; readonly verifyJws: VerifyJws },
  input: OfflineVerifyInput,
): Promise<VerifiedToken> {
  const { token, keys, maxLifetime = DEFAULT_MAX_TOKEN_LIFETIME as Seconds, ...expected } = input;
  return verifyJwt(token, { now: world.clock.now(), maxLifetime, keys, verifyJws: world.verifyJws }, expected);
}
