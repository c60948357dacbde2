/** `provider join-token`: a token of SPIRE for one of its agents, through the identity provider of a cluster. */
import { resolve } from 'node:path';
import { auditEvent, commit, type Realm } from '../app/realm.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { clusterOf } from '../core/realm/config.ts';
import { DEFAULT_PROVIDER_TIMEOUT } from '../core/realm/provider-config.ts';
import { formatInstant, type Instant } from '../core/time.ts';

export interface SpireTokenInput {
  readonly cluster: string;
  /** Seconds. */
  readonly ttl: number;
  readonly agentId: string | undefined;
  /** New file. */
  readonly out: string;
}

/** @throws ERR_PROVIDER_NONE where the cluster has no SPIRE server, ERR_PROVIDER_*, ERR_CLUSTER_UNKNOWN, ERR_CERTIFICATE_NAME, ERR_FILE_* */
export async function createSpireToken(
  realm: Realm,
  { cluster, ttl, agentId, out }: SpireTokenInput,
): Promise<{ readonly expiresAt: Instant }> {
  const { spire, timeout = DEFAULT_PROVIDER_TIMEOUT } = clusterOf(realm.config, cluster).identity_provider ?? {};
  if (spire === undefined)
    throw new JoineryError('ERR_PROVIDER_NONE', `cluster ${cluster}: expected a SPIRE server under identity_provider, found none`);
  // The token would be lost.
  if ((await realm.files.stat(out)) !== undefined) throw new JoineryError('ERR_FILE_EXISTS', `--out: expected a new file, found ${out}`);
  const what = `identity_provider of cluster ${cluster}`;
  const path = (file: string): string => resolve(realm.directory, file);
  const { spireProvider } = await import('../adapters/spire-provider.ts');
  const { value, expiresAt } = await spireProvider(spire, { timeoutMs: timeout * 1000, what, path }).createJoinToken({ ttl, agentId });
  const details = { cluster, expires_at: formatInstant(expiresAt), ...(agentId !== undefined && { agent_id: agentId }) };
  await commit(realm.store, {
    checks: [],
    writes: [],
    audit: [auditEvent(realm, { event: 'token.provider', subject: cluster, details })],
  });
  await realm.files.create(out, utf8(`${value.reveal()}\n`), 0o600);
  return { expiresAt };
}
