/** `token mint` of one token in a realm. */
import { mintToken } from '../app/mint-token.ts';
import type { Context } from './context.ts';
import { tokenData, tokenFields } from './render/tokens.ts';
import { assertFlagsFit, jwtRequest, type Minted, type MintFlags } from './token-request.ts';

export type Warn = (message: string) => void;

/** @throws ERR_USAGE and what the use cases throw. */
export async function mintByFlags(context: Context, flags: MintFlags, warn: Warn): Promise<Minted> {
  assertFlagsFit(flags);
  if (flags.format === 'jwt') return mintJwt(context, flags);
  // The other dialects pin certificates: what reads those is loaded for them only.
  const { mintSecret } = await import('./token-mint-secret.ts');
  return mintSecret(context, flags, warn);
}

async function mintJwt(context: Context, flags: MintFlags): Promise<Minted> {
  const minted = await mintToken(await context.realm(), await jwtRequest(context, flags));
  return { token: minted.token, data: tokenData(minted.claims, minted), about: tokenFields(minted.claims, minted) };
}
