/** What a join token grants, the same for every dialect: the checks after the signature work on this and on nothing else. */
import type { Instant } from '../time.ts';
import { clustersOf, type TokenClaims } from './claims.ts';

export const TOKEN_FORMATS = ['jwt', 'secure', 'omnirelay', 'k3s', 'kubeadm'] as const;
export type TokenFormat = (typeof TOKEN_FORMATS)[number];

export interface Grant {
  readonly format: TokenFormat;
  readonly issuer: string;
  /** jti, tokenId, sha256 of the raw secret, or kubeadm id. */
  readonly id: string;
  readonly clusters: readonly string[];
  readonly role: string;
  readonly environment?: string;
  /** The one node that may use it. */
  readonly node?: string;
  readonly allowReentry: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 7638 thumbprint of the one key that may use it. */
  readonly keyThumbprint?: string;
  readonly issuedAt: Instant;
  readonly notBefore: Instant;
  /** null: never. */
  readonly expiresAt: Instant | null;
  /** null: as often as one likes. */
  readonly maxUses: number | null;
}

export function grantOfClaims(claims: TokenClaims): Grant {
  return {
    format: 'jwt',
    issuer: claims.iss,
    id: claims.jti,
    clusters: clustersOf(claims),
    role: claims.role,
    ...(claims.env !== undefined && { environment: claims.env }),
    ...(claims.node !== undefined && { node: claims.node }),
    allowReentry: claims.allow_reentry ?? false,
    labels: claims.labels ?? {},
    ...(claims.cnf !== undefined && { keyThumbprint: claims.cnf.jkt }),
    issuedAt: claims.iat as Instant,
    notBefore: (claims.nbf ?? claims.iat) as Instant,
    expiresAt: claims.exp as Instant,
    maxUses: claims.max_uses ?? 1,
  };
}
