/** What a node must be told beside a token to join with it: where, and by which first trust. */
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { clusterOf } from '../core/realm/config.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';

export interface JoinHints {
  readonly urls: readonly string[];
  readonly trustDigests: Readonly<Record<Purpose, Digest>>;
}

/**
 * @param urls instead of those of the cluster.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_NODE_NO_URL where nobody says where to join, ERR_TRUST_NOT_ACTIVATED
 */
export async function joinHints(realm: Realm, cluster: string, urls: readonly string[] = []): Promise<JoinHints> {
  const named = urls.length > 0 ? urls : (clusterOf(realm.config, cluster).join_urls ?? []);
  if (named.length === 0) {
    throw new JoineryError('ERR_NODE_NO_URL', `--url: expected the URL of a bootstrap server for cluster ${cluster}, found none`, {
      hint: 'name it with --url, or as join_urls of the cluster in joinery.yaml',
    });
  }
  const digests: Partial<Record<Purpose, Digest>> = {};
  for (const purpose of PURPOSES) digests[purpose] = (await activeTrust(realm, purpose)).signed.digest;
  return { urls: named, trustDigests: digests as Record<Purpose, Digest> };
}
