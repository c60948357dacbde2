/** Verifies a join token of any dialect against the realm. */
import { digestOf, equalSecret } from '../core/digest.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import { type Accepted, checkGrant, type Expectations, uncheckedOf } from '../core/token/checks.ts';
import { detectFormat } from '../core/token/format.ts';
import { parseClaims } from '../core/token/claims.ts';
import { type Grant, grantOfClaims, type TokenFormat } from '../core/token/grant.ts';
import { parseCompact } from '../core/token/jwt.ts';
import { parseK3s } from '../core/token/k3s.ts';
import { parseKubeadm } from '../core/token/kubeadm.ts';
import { grantOfOmnirelay, type Mac, openOmnirelay } from '../core/token/omnirelay.ts';
import { idOfSecret, parseSecure } from '../core/token/secure.ts';
import { UNUSED } from '../core/token/use.ts';
import { LAST_INSTANT, type Seconds } from '../core/time.ts';
import type { Realm } from './realm.ts';
import { maxTokenLifetime } from './token-keys.ts';
import { readToken } from './token-records.ts';
import { readTokenState } from './token-state.ts';
import { checkExpected, type IntendedUse, verifyToken, type VerifyTokenInput } from './verify-token.ts';

export interface VerifyGrantInput extends VerifyTokenInput {
  /** Opens `omnirelay` tokens: the realm does not keep their key. */
  readonly omnirelay?: { readonly mac: Mac; readonly issuers: readonly string[] };
}

export interface VerifiedGrant {
  readonly grant: Grant;
  readonly decision: Accepted;
  readonly unchecked: readonly string[];
}

/**
 * @param use a use that is asked for; absent for a look.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN; for `jwt` the errors of {@link verifyToken}; else ERR_TOKEN_MALFORMED,
 * ERR_TOKEN_UNKNOWN, ERR_TOKEN_SIGNATURE, ERR_TOKEN_CLAIMS, then those of {@link checkGrant}.
 */
export async function verifyGrant(realm: Realm, input: VerifyGrantInput, use?: IntendedUse): Promise<VerifiedGrant> {
  const format = detectFormat(input.token);
  if (format === 'jwt') return verifyToken(realm, input, use);
  checkExpected(realm, input);
  const grant = format === 'omnirelay' ? await openSigned(input) : await openSecret(realm, format, input.token);
  return decide(realm, grant, input, use);
}

/**
 * What a token says that it grants. Of a `jwt` it is not verified yet: good for nothing but to know what to verify it against.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS, ERR_TOKEN_UNKNOWN, ERR_TOKEN_KEY_UNKNOWN, ERR_TOKEN_SIGNATURE,
 * ERR_TOKEN_ISSUER
 */
export async function outlineGrant(realm: Realm, input: Pick<VerifyGrantInput, 'token' | 'omnirelay'>): Promise<Grant> {
  const { token } = input;
  const format = detectFormat(token);
  if (format === 'jwt') return grantOfClaims(parseClaims(parseCompact(token).payload).claims);
  return format === 'omnirelay' ? openSigned(input) : openSecret(realm, format, token);
}

export interface OfflineOmnirelayInput extends Expectations {
  readonly token: string;
  readonly omnirelay: NonNullable<VerifyGrantInput['omnirelay']>;
  readonly maxLifetime: Seconds;
}

/** Verifies an `omnirelay` token from the shared key alone; uses and revocation stay unchecked. @throws as {@link verifyGrant} */
export async function verifyOmnirelayOffline(clock: Clock, input: OfflineOmnirelayInput): Promise<VerifiedGrant> {
  const { maxLifetime } = input;
  const grant = await openSigned(input);
  const expected = { ...input, cluster: input.cluster.toLowerCase() };
  const decision = checkGrant(grant, expected, UNUSED, { now: clock.now(), maxLifetime });
  return { grant, decision, unchecked: [...uncheckedOf(grant, { ...expected, issuer: grant.issuer }), 'uses', 'revocation'] };
}

async function decide(realm: Realm, grant: Grant, input: VerifyGrantInput, use: IntendedUse | undefined): Promise<VerifiedGrant> {
  const { store, clock, config } = realm;
  const cluster = grant.format === 'omnirelay' ? input.cluster.toLowerCase() : input.cluster;
  const { role, node, keyThumbprint } = input;
  const expected: Expectations = {
    cluster,
    environment: config.environment.name,
    ...(role !== undefined && { role }),
    ...(node !== undefined && { node }),
    ...(keyThumbprint !== undefined && { keyThumbprint }),
  };
  const read = await readTokenState(store, grant, input);
  use?.onState(read);
  // The life of a token that this realm generated was checked when it was minted; only a shared key could have minted another.
  const maxLifetime = grant.format === 'omnirelay' ? maxTokenLifetime(config) : (LAST_INSTANT as number as Seconds);
  const decision = checkGrant(grant, expected, read.state, { now: clock.now(), maxLifetime }, use?.request);
  return { grant, decision, unchecked: uncheckedOf(grant, { ...expected, issuer: grant.issuer }) };
}

async function openSigned({ token, omnirelay }: Pick<VerifyGrantInput, 'token' | 'omnirelay'>): Promise<Grant> {
  if (omnirelay === undefined) {
    throw new JoineryError('ERR_TOKEN_KEY_UNKNOWN', 'omnirelay token: expected its signing key, found none given', {
      hint: 'name the key that is shared with OmniRelay: --hmac-key-file',
    });
  }
  const grant = grantOfOmnirelay(await openOmnirelay(token, omnirelay.mac));
  if (omnirelay.issuers.includes(grant.issuer)) return grant;
  throw new JoineryError('ERR_TOKEN_ISSUER', `token issuer: expected ${omnirelay.issuers.join(' or ')}, found ${grant.issuer}`);
}

async function openSecret(realm: Realm, format: Exclude<TokenFormat, 'jwt' | 'omnirelay'>, text: string): Promise<Grant> {
  const stored = await readToken(realm.store, format, idOf(format, text));
  if (stored?.sha256 !== undefined && equalSecret(utf8(stored.sha256), utf8(digestOf(utf8(text))))) return stored.grant;
  throw new JoineryError('ERR_TOKEN_UNKNOWN', `${format} token: expected one that this realm has minted, found another`);
}

/** The id under which the realm keeps a token whose secret it generated. @throws ERR_TOKEN_MALFORMED */
export function idOf(format: Exclude<TokenFormat, 'jwt' | 'omnirelay'>, text: string): string {
  switch (format) {
    case 'secure':
      return idOfSecret(parseSecure(text).secret);
    case 'kubeadm':
      return parseKubeadm(text).id;
    case 'k3s': {
      const { credential } = parseK3s(text);
      return 'id' in credential ? credential.id : idOfSecret(utf8(credential.password));
    }
  }
}
