import type { Grant } from '../core/token/grant.ts';
import { decideUse, type UseDecision } from '../core/token/use.ts';
import type { Realm } from './realm.ts';
import { pageOfTokens } from './token-records.ts';
import { readTokenState } from './token-state.ts';

/** `early`: not valid yet; the others as a use of it would be decided now. */
export type TokenStatus = Exclude<UseDecision, 'accepted' | 'same-request' | 'conflict' | 'replayed'> | 'usable' | 'early';

export interface ListedToken {
  readonly grant: Grant;
  readonly status: TokenStatus;
  readonly used: number;
}

export interface ListedPage {
  readonly tokens: readonly ListedToken[];
  readonly next?: string;
}

/** One page of the registered tokens, by dialect and id, each as it stands now. */
export async function listTokens(realm: Realm, page: { readonly after?: string; readonly limit: number }): Promise<ListedPage> {
  const { tokens, ...rest } = await pageOfTokens(realm.store, page);
  return { tokens: await Promise.all(tokens.map((stored) => listed(realm, stored.grant))), ...rest };
}

async function listed(realm: Realm, grant: Grant): Promise<ListedToken> {
  const { state } = await readTokenState(realm.store, grant, {});
  const now = realm.clock.now();
  const decision = decideUse(grant, state, undefined, now);
  const spent = decision === 'replayed' ? 'exhausted' : (decision as Exclude<UseDecision, 'same-request' | 'conflict' | 'replayed'>);
  const status = spent !== 'accepted' ? spent : now < grant.notBefore ? 'early' : 'usable';
  return { grant, status, used: state.used };
}
