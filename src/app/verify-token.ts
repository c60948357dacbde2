import type { VerifyJws } from '../core/key-ports.ts';
import type { Clock } from '../core/ports.ts';
import { assertRole, clusterOf } from '../core/realm/config.ts';
import type { Seconds } from '../core/time.ts';
import type { Expectations } from '../core/token/checks.ts';
import { DEFAULT_MAX_TOKEN_LIFETIME } from '../core/token/claims.ts';
import type { Grant } from '../core/token/grant.ts';
import type { VerificationKey } from '../core/token/signer.ts';
import type { UseRequest } from '../core/token/use.ts';
import { type VerifiedToken, verifyJwt } from '../core/token/verify.ts';
import type { Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime, verificationKeys } from './token-keys.ts';
import { type ReadState, readTokenState } from './token-state.ts';

export interface VerifyTokenInput extends Omit<Expectations, 'issuer' | 'environment'> {
  readonly token: string;
  /** Verifies beside the realm's keys: an HMAC key, which the realm does not keep. */
  readonly extraKeys?: readonly VerificationKey[];
}

/** A use that is asked for, and where to put what was read to decide about it. */
export interface IntendedUse {
  readonly request: UseRequest;
  onState(read: ReadState): void;
}

/**
 * Verifies a `jwt` join token against the realm: its keys, its issuer and environment, revocations and uses. Writes nothing.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN for what the caller expects, then the errors of {@link verifyJwt}.
 */
export async function verifyToken(realm: Realm, input: VerifyTokenInput, use?: IntendedUse): Promise<VerifiedToken> {
  const { config, store, clock, verifyJws } = realm;
  const { token, extraKeys = [], ...expected } = input;
  checkExpected(realm, expected);
  const rules = {
    now: clock.now(),
    maxLifetime: maxTokenLifetime(config),
    keys: [...(await verificationKeys(realm)), ...extraKeys],
    verifyJws,
    stateOf: async (grant: Grant) => {
      const read = await readTokenState(store, grant, expected);
      use?.onState(read);
      return read.state;
    },
  };
  return verifyJwt(token, rules, { ...expected, issuer: issuerOf(config), environment: config.environment.name }, use?.request);
}

/** What a caller expects must be configured, or it is a slip of the caller. @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN */
export function checkExpected({ config }: Realm, expected: Pick<Expectations, 'cluster' | 'role'>): void {
  const cluster = clusterOf(config, expected.cluster);
  if (expected.role !== undefined) assertRole(cluster, expected.role);
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
  const { token, keys, maxLifetime = DEFAULT_MAX_TOKEN_LIFETIME, ...expected } = input;
  return verifyJwt(token, { now: world.clock.now(), maxLifetime, keys, verifyJws: world.verifyJws }, expected);
}
