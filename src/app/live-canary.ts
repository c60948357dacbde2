/** The nodes that a live drill makes: they join as any node does, hold what they got in memory alone, and are put out at the end. */
import { toPem } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import type { JoinReply } from '../core/join/messages.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import { Secret } from '../core/secret.ts';
import { writeCsr } from '../core/x509/csr-writer.ts';
import { writeName } from '../core/x509/name-text.ts';

/** Running servers, as a drill sees them: one new connection for each question, each asked once. */
export interface LiveServers {
  /** @throws the code of the server, or those of the network */
  join(
    url: string,
    request: { readonly token: string; readonly csr: string; readonly cluster: string; readonly node_id: string },
  ): Promise<JoinReply>;
  /** Something that only a node in force may ask. @throws as join */
  use(url: string, identity: TransportIdentity): Promise<void>;
  pause(ms: number): Promise<void>;
  /** Milliseconds that only grow. */
  elapsed(): number;
}

export interface Canary {
  readonly cluster: string;
  readonly node: string;
  readonly identity: TransportIdentity;
}

export interface Entry {
  readonly url: string;
  readonly token: Secret;
  readonly cluster: string;
  readonly node: string;
}

/** @throws the code of the server */
export async function enterCanary(keys: PortableKeys, servers: LiveServers, { url, token, cluster, node }: Entry): Promise<Canary> {
  const key = keys.generate('p256');
  const csr = toPem('CERTIFICATE REQUEST', await writeCsr(key.signing(), { subject: writeName([]), names: [] }));
  const reply = await servers.join(url, { token: token.reveal(), csr, cluster, node_id: node });
  return {
    cluster,
    node: reply.node_id,
    identity: { key: new Secret(await key.toPem(undefined)), certificates: reply.certificate_pem + reply.chain_pem },
  };
}

/** A server that refuses has decided; one that cannot be reached has not. @returns why it refused. @throws every other error */
export async function refusalOf(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // Too many requests: a server that has not looked at the certificate.
    if (isJoineryError(error) && ['refused', 'conflict'].includes(error.family) && error.code !== 'ERR_RATE_LIMITED') return error.code;
    throw error;
  }
}

/** How long a server took to refuse, in milliseconds from `since` on; undefined when it did not within the limit. */
export async function untilRefused(
  servers: LiveServers,
  {
    url,
    identity,
    since,
    limitMs,
    signal,
  }: {
    readonly url: string;
    readonly identity: TransportIdentity;
    readonly since: number;
    readonly limitMs: number;
    readonly signal: AbortSignal;
  },
): Promise<number | undefined> {
  for (let wait = 50; !signal.aborted; wait = Math.min(wait * 1.5, 1000)) {
    const refused = await refusedNow(servers, url, identity);
    const took = servers.elapsed() - since;
    if (refused) return took;
    if (took > limitMs) return undefined;
    await servers.pause(wait);
  }
  return undefined;
}

/** A server that is away, or busy, does not refuse: it is asked again. */
async function refusedNow(servers: LiveServers, url: string, identity: TransportIdentity): Promise<boolean> {
  try {
    return (await refusalOf(() => servers.use(url, identity))) !== undefined;
  } catch (error) {
    if (isJoineryError(error)) return false;
    throw error;
  }
}
