/** A node for the services on it, with the real world around it: `identitySource`, `joinNode` and others of the public library. */
import type { Agent, AgentOptions } from 'node:https';
import type { ConnectionOptions, SecureContextOptions, TlsOptions } from 'node:tls';
import { systemFiles } from './adapters/files.ts';
import { portableKeys } from './adapters/portable-keys.ts';
import { systemSwitches } from './adapters/switches.ts';
import {
  checkPeer,
  connectOptions,
  grpcProvider,
  keepListener,
  listenerOptions,
  type PeerOptions,
  rotatingAgent,
  type RotationOptions,
} from './adapters/tls-rotation.ts';
import { clientWorld } from './bootstrap-client.ts';
import { type IdentityWatch, watchIdentity, type WatchIdentityOptions } from './client/identity-watch.ts';
import { watchWorkload, type WatchWorkloadOptions } from './client/workload-watch.ts';

import type { BootstrapClient } from './client/client.ts';
import { joinNode as join, type JoinedNode, type JoinNodeInput } from './client/join-node.ts';
import { nodeClient, type NodeClientOptions, type NodeClientWorld } from './client/node-client.ts';
import { renewNode as renew, type RenewedNode, type RenewNodeInput } from './client/renew-node.ts';

export interface IdentitySource extends IdentityWatch {
  /** For `createServer` of node:tls, node:https and node:http2. */
  listenerOptions(options?: RotationOptions): TlsOptions;
  /** Keeps a listener on the present certificate and trust. @returns a function that ends it. */
  attach(
    server: { setSecureContext(options: SecureContextOptions): void },
    options?: RotationOptions & { readonly more?: SecureContextOptions },
  ): () => void;
  /** For one connection of node:tls, node:https or node:http2; ask again for the next one. */
  connectOptions(options?: PeerOptions): ConnectionOptions;
  /** For node:https. */
  agent(options?: PeerOptions & AgentOptions): Agent;
  /** For `checkServerIdentity`: the SPIFFE ID that a server must have, instead of a host name. */
  checkPeer(peer: NonNullable<PeerOptions['peer']>): ReturnType<typeof checkPeer>;
  /** For the certificate provider credentials of `@grpc/grpc-js`, as provider of anchors and of the identity. */
  grpcProvider(options?: RotationOptions): ReturnType<typeof grpcProvider>;
}

/** A SPIFFE Workload API instead of a node directory: that of `node agent --workload-api`, or of a SPIRE agent. */
export interface WorkloadSourceOptions extends Pick<WatchWorkloadOptions, 'onFailure'> {
  /** `unix:PATH`, or `env` for what SPIFFE_ENDPOINT_SOCKET says. It gives anchors of node-cert-lifecycle alone. */
  readonly workloadApi: string;
}

/**
 * Follows a node directory that `node join` and `node renew`, or the shell agent, keep; or the open stream of a Workload API.
 * @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_TRUST_STATE_MALFORMED; ERR_USAGE, ERR_WORKLOAD_UNAVAILABLE, ERR_WORKLOAD_MALFORMED
 */
export async function identitySource(options: WatchIdentityOptions | WorkloadSourceOptions): Promise<IdentitySource> {
  const watch = await ('workloadApi' in options ? workloadWatch(options) : watchIdentity(nodeWorld(), options));
  return {
    ...watch,
    listenerOptions: (given) => listenerOptions(watch, given),
    attach: (server, given) => keepListener(watch, server, given),
    connectOptions: (given) => connectOptions(watch, given),
    agent: (given) => rotatingAgent(watch, given),
    checkPeer,
    grpcProvider: (given) => grpcProvider(watch, given),
  };
}

async function workloadWatch({ workloadApi, onFailure }: WorkloadSourceOptions): Promise<IdentityWatch> {
  const { openWorkload, systemWorkloadPath } = await import('./adapters/workload-source.ts');
  return watchWorkload({ ...nodeWorld(), openWorkload }, { path: systemWorkloadPath(workloadApi), onFailure });
}

/** Ports of a node on this machine, as {@link joinNode} and {@link renewNode} need them. */
function nodeWorld(): NodeClientWorld {
  return { ...clientWorld, files: systemFiles, switches: systemSwitches, keys: portableKeys, actor: 'service' };
}

/** {@link join} on this machine. */
export function joinNode(input: JoinNodeInput): Promise<JoinedNode> {
  return join(nodeWorld(), input);
}

/** {@link renew} on this machine. */
export function renewNode(input: RenewNodeInput): Promise<RenewedNode> {
  return renew(nodeWorld(), input);
}

/** A client with the servers, the trust and the identity of a node directory, and whatever they become. @throws as {@link nodeClient} */
export function createNodeClient(options: NodeClientOptions): Promise<BootstrapClient> {
  return nodeClient(nodeWorld(), options);
}
