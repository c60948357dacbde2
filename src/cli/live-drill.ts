/** The running servers of a live drill, and the person who may end it. */
import { joinHints } from '../app/join-hints.ts';
import { activeTrust } from '../app/show-trust.ts';
import type { LiveServers } from '../app/live-canary.ts';
import { runLiveDrill } from '../app/run-live-drill.ts';
import { type BootstrapClient, createClient } from '../client/client.ts';
import type { ServerTrust } from '../client/server-trust.ts';
import type { ClientWorld } from '../client/world.ts';
import type { DrillLog } from '../core/drill/log.ts';
import { JoineryError } from '../core/errors.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import { clusterOf, type RealmConfig } from '../core/realm/config.ts';
import { certificateKeys } from './certificate-world.ts';
import type { Context } from './context.ts';
import type { LoadedDrill } from './drill.ts';
import { endOnSignal } from './signals.ts';

export interface LiveFlags {
  readonly cluster?: string | undefined;
  readonly role?: string | undefined;
  readonly endpoint: readonly string[];
}

const TIMEOUT_MS = 5000;

/** @throws ERR_USAGE where the cluster is not clear, ERR_NODE_NO_URL, and what the drill throws */
export async function liveDrill(context: Context, { document, what }: LoadedDrill, flags: LiveFlags): Promise<DrillLog> {
  const realm = await context.realm();
  const cluster = clusterOf(realm.config, flags.cluster ?? onlyCluster(realm.config));
  const { urls } = await joinHints(realm, cluster.name, flags.endpoint);
  const { clientWorld } = await import('../bootstrap-client.ts');
  const { signed } = await activeTrust(realm, 'control-plane-https');
  const role = flags.role ?? (cluster.roles[0] as string);
  const endpoints = urls as readonly [string, ...string[]];
  // What the drill makes has to be put out first.
  const ending = endOnSignal();
  const { signal } = ending;
  const trust = { kind: 'anchors', pem: () => Promise.resolve(signed.manifest.bundle_pem) } as const;
  const servers = liveServers(clientWorld, { trust, correlationId: realm.caller.correlationId, signal });
  try {
    const input = { document, what, cluster: cluster.name, role, endpoints, signal };
    return await runLiveDrill({ realm, keys: certificateKeys(), servers }, input);
  } finally {
    ending.off();
  }
}

function onlyCluster({ clusters }: RealmConfig): string {
  const [only, ...others] = clusters;
  if (only !== undefined && others.length === 0) return only.name;
  throw new JoineryError('ERR_USAGE', `--cluster: expected one of ${clusters.map(({ name }) => name).join(', ')}, found none named`);
}

interface Wires {
  readonly trust: ServerTrust;
  readonly correlationId: string;
  readonly signal: AbortSignal;
}

function liveServers(world: ClientWorld, { trust, correlationId, signal }: Wires): LiveServers {
  const ask = async <T>(
    url: string,
    identity: TransportIdentity | undefined,
    work: (client: BootstrapClient) => Promise<T>,
  ): Promise<T> => {
    const options = { urls: [url], trust, attempts: 1, timeoutMs: TIMEOUT_MS, correlationId };
    const client = createClient(world, { ...options, ...(identity !== undefined && { identity: () => Promise.resolve(identity) }) });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  };
  return {
    join: (url, request) => ask(url, undefined, (client) => client.join(request, { signal })),
    use: (url, identity) => ask(url, identity, async (client) => void (await client.peers({ signal }))),
    pause: (ms) => world.timer.sleep(ms, signal),
    elapsed: () => world.timer.elapsed(),
  };
}
