/** Mints tokens from a key alone, with no realm and no database. */
import { uuidV4 } from '../core/names.ts';
import type { Clock, Random } from '../core/ports.ts';
import { DEFAULT_MAX_TOKEN_LIFETIME, type TokenClaims } from '../core/token/claims.ts';
import { buildClaims, type MintFacts, type TokenRequest } from '../core/token/mint.ts';
import type { TokenSigner } from '../core/token/signer.ts';
import { type Batch, type BatchSize, tokenSteps } from './token-steps.ts';

export interface StatelessInput extends BatchSize {
  readonly request: TokenRequest;
  readonly issuer: string;
  readonly signer: TokenSigner;
}

/**
 * Mints without a realm: what is minted is known to nobody but its receiver, and can be revoked by id all the same.
 * @returns the claims that all share, and the tokens as they are made.
 * @throws ERR_INPUT_MALFORMED, ERR_TOKEN_LIFETIME, ERR_TOKEN_TOO_LARGE
 */
export function mintStateless(world: { readonly clock: Clock; readonly random: Random }, input: StatelessInput): Batch {
  const { issuer, signer, request } = input;
  const facts = { issuer, id: uuidV4(world.random), now: world.clock.now(), maxLifetime: DEFAULT_MAX_TOKEN_LIFETIME };
  const template = templateOf(request, input, facts);
  return { template, signer, steps: tokenSteps(world.random, signer, template, input, () => Promise.resolve()) };
}

function templateOf(request: TokenRequest, { nodes }: BatchSize, facts: MintFacts): TokenClaims {
  const [first] = nodes ?? [];
  return buildClaims({ ...request, ...(first !== undefined && { node: first }) }, facts);
}
