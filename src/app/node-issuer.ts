/** Who issues node certificates, an own authority or an identity provider: found once, opened once, and opened again when the realm's authorities change. */
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { isServerFault } from '../core/join/problem.ts';
import { clusterOf } from '../core/realm/config.ts';
import { findIssuer } from './find-issuer.ts';
import type { OpenProvider } from '../core/join/provider.ts';
import type { ProviderConfig } from '../core/realm/provider-config.ts';
import { openLeafIssuer } from './leaf-issuer.ts';
import { localProvider, type NodeProvider } from './node-provider.ts';
import { openProviderIssuer } from './provider-issuer.ts';
import type { Realm } from './realm.ts';

export interface NodeIssuers {
  /** @throws ERR_CLUSTER_UNKNOWN, ERR_SERVER_ISSUER */
  of(realm: Realm, cluster: string): Promise<NodeProvider>;
  /** Forgets what was opened: an authority changed. */
  forget(): void;
}

/** @param openProvider for clusters whose authority is elsewhere. */
export function nodeIssuers(openProvider: OpenProvider): NodeIssuers {
  const opened = new Map<string, Promise<NodeProvider>>();
  const opening = (realm: Realm, cluster: string): Promise<NodeProvider> => {
    const known = opened.get(cluster);
    if (known !== undefined) return known;
    const fresh = open(realm, cluster, openProvider);
    opened.set(cluster, fresh);
    // What failed is tried again by the next request.
    fresh.catch(() => opened.delete(cluster));
    return fresh;
  };
  return {
    async of(realm, cluster) {
      const known = opening(realm, cluster);
      const issuer = await known;
      if (issuer.ca.certificate.notAfter > realm.clock.now()) return issuer;
      // It has ended meanwhile, and may have a successor.
      if (opened.get(cluster) === known) opened.delete(cluster);
      return opening(realm, cluster);
    },
    forget: () => opened.clear(),
  };
}

/** @throws ERR_SERVER_ISSUER for whatever is wrong with an authority or its key: a node can do nothing about it but come again. */
async function open(realm: Realm, cluster: string, openProvider: OpenProvider): Promise<NodeProvider> {
  const { issuing_ca: configured, identity_provider: config } = clusterOf(realm.config, cluster);
  try {
    if (config !== undefined) return await openConfigured(realm, cluster, config, openProvider);
    return localProvider(realm, await openLeafIssuer(realm, configured ?? (await newestAuthority(realm, cluster)), { lint: 'first' }));
  } catch (cause) {
    if (!isJoineryError(cause) || isServerFault(cause.code)) throw cause;
    throw new JoineryError('ERR_SERVER_ISSUER', `issuer of cluster ${cluster}: ${cause.message}`, { cause });
  }
}

async function openConfigured(realm: Realm, cluster: string, config: ProviderConfig, openProvider: OpenProvider): Promise<NodeProvider> {
  const what = `identity_provider of cluster ${cluster}`;
  return openProviderIssuer(realm, { cluster, config, what }, await openProvider(config, what));
}

async function newestAuthority(realm: Realm, cluster: string): Promise<string> {
  return (await findIssuer(realm, 'node-cert-lifecycle', `issuing_ca of cluster ${cluster}`)).record.name;
}
