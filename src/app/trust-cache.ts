/** The trust documents that go into every reply: read and verified once for each change of the trust of the realm. */
import { type JsonObject, parseStrictJson } from '../core/canonical-json.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { exportTrust } from './export-trust.ts';
import { MAX_DOCUMENT } from './node-trust.ts';
import type { Realm } from './realm.ts';

export type TrustChains = Readonly<Record<Purpose, JsonObject>>;

export interface TrustCache {
  /** `joinery/trust-chain/1` of both purposes. @throws ERR_TRUST_NOT_ACTIVATED, ERR_REALM_MALFORMED */
  chains(realm: Realm): Promise<TrustChains>;
  forget(): void;
}

export function trustCache(): TrustCache {
  let kept: Promise<TrustChains> | undefined;
  return {
    async chains(realm) {
      kept ??= readChains(realm);
      try {
        return await kept;
      } catch (error) {
        kept = undefined;
        throw error;
      }
    },
    forget: () => (kept = undefined),
  };
}

async function readChains(realm: Realm): Promise<TrustChains> {
  const entries: [Purpose, JsonObject][] = [];
  for (const purpose of PURPOSES) {
    const { text } = await exportTrust(realm, purpose, 'chain');
    entries.push([purpose, parseStrictJson(text, purpose, { maxLength: MAX_DOCUMENT }) as JsonObject]);
  }
  return Object.fromEntries(entries) as TrustChains;
}
