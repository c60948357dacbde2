/** The identity of a node for the services on it, with the real world around it: `identitySource` of the public library. */
import type { Agent, AgentOptions } from 'node:https';
import type { ConnectionOptions, SecureContextOptions, TlsOptions } from 'node:tls';
import { systemFiles } from './adapters/files.ts';
import { portableKeys } from './adapters/portable-keys.ts';
import { systemSwitches } from './adapters/switches.ts';
import {
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
  /** For the certificate provider credentials of `@grpc/grpc-js`, as provider of anchors and of the identity. */
  grpcProvider(options?: RotationOptions): ReturnType<typeof grpcProvider>;
}

/**
 * Follows a node directory that `node join` and `node renew`, or the shell agent, keep.
 * @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_TRUST_STATE_MALFORMED
 */
export async function identitySource(options: WatchIdentityOptions): Promise<IdentitySource> {
  const { clock, timer, verifySignature } = clientWorld;
  const world = { files: systemFiles, switches: systemSwitches, keys: portableKeys, actor: 'service', clock, timer, verifySignature };
  const watch = await watchIdentity(world, options);
  return {
    ...watch,
    listenerOptions: (given) => listenerOptions(watch, given),
    attach: (server, given) => keepListener(watch, server, given),
    connectOptions: (given) => connectOptions(watch, given),
    agent: (given) => rotatingAgent(watch, given),
    grpcProvider: (given) => grpcProvider(watch, given),
  };
}
