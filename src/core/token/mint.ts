/** Builds the claims of a new join token from what the operator asked for. */
import type { JsonObject } from '../canonical-json.ts';
import type { Digest, Pin } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import { parseDocument } from '../parse.ts';
import { formatDuration, type Instant, type Seconds } from '../time.ts';
import { type TokenClaims, tokenClaims } from './claims.ts';

/** Life of a token where nobody says otherwise. */
export const DEFAULT_TOKEN_TTL = 900 as Seconds;

export type TrustDigests = Readonly<Partial<Record<'control-plane-https' | 'node-cert-lifecycle', Digest>>>;

export interface TokenRequest {
  /** One cluster or more, each once. */
  readonly clusters: readonly string[];
  readonly role: string;
  /** Seconds from `notBefore` to `exp`. */
  readonly ttl?: Seconds;
  /** Default: now. */
  readonly notBefore?: Instant;
  readonly maxUses?: number;
  readonly environment?: string;
  readonly node?: string;
  readonly allowReentry?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  /** RFC 7638 thumbprint of the one key that may use it. */
  readonly keyThumbprint?: string;
  readonly pins?: readonly Pin[];
  readonly trust?: TrustDigests;
  readonly urls?: readonly string[];
}

export interface MintFacts {
  readonly issuer: string;
  /** UUID v4. */
  readonly id: string;
  readonly now: Instant;
  readonly maxLifetime: Seconds;
}

/** @throws ERR_INPUT_MALFORMED with every wrong claim, ERR_TOKEN_LIFETIME */
export function buildClaims(request: TokenRequest, facts: MintFacts): TokenClaims {
  const { clusters, labels = {}, notBefore = facts.now, trust = {} } = request;
  const expiresAt = notBefore + (request.ttl ?? DEFAULT_TOKEN_TTL);
  const claims: JsonObject = {
    iss: facts.issuer,
    aud: clusters.length === 1 ? clusters[0] : clusters,
    jti: facts.id,
    iat: facts.now,
    nbf: notBefore,
    exp: expiresAt,
    role: request.role,
    max_uses: request.maxUses ?? 1,
    env: request.environment,
    node: request.node,
    allow_reentry: request.allowReentry === true ? true : undefined,
    labels: isEmpty(labels) ? undefined : labels,
    cnf: request.keyThumbprint === undefined ? undefined : { jkt: request.keyThumbprint },
    pins: request.pins,
    trust: isEmpty(trust) ? undefined : { ...trust },
    urls: request.urls,
  };
  const parsed = parseDocument(tokenClaims, claims, 'token');
  const lifetime = expiresAt - facts.now;
  if (lifetime <= facts.maxLifetime) return parsed;
  throw new JoineryError(
    'ERR_TOKEN_LIFETIME',
    `--ttl: expected an end at most ${formatDuration(facts.maxLifetime)} from now, found ${formatDuration(lifetime)}`,
    {
      hint: 'raise token.max_lifetime in joinery.yaml if longer tokens are meant',
      details: { max_lifetime: facts.maxLifetime },
    },
  );
}

function isEmpty(map: object): boolean {
  return Object.keys(map).length === 0;
}
