/** The identity and the trust of a node directory, as they are now and whenever they change: the agent renews, services follow. */
import type { IdentityWorld } from '../app/node-identity.ts';
import { readNodeIdentity } from '../app/node-identity.ts';
import { type NodeWorld, readNodeState, readNodeTrust } from '../app/node-trust.ts';
import { digestOf } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { identityLayout } from '../core/join/node-directory.ts';
import type { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { notJoined } from './node-client.ts';
import type { Timer } from './world.ts';

/** Read whole: the key is the one of the certificate, and both bundles are what the node's state proves. */
export interface IdentitySnapshot {
  /** SPIFFE ID. */
  readonly identity: string;
  readonly generation: string;
  /** SHA-256 of the certificate. */
  readonly fingerprint: string;
  readonly notAfter: Instant;
  /** PKCS #8 in PEM. */
  readonly key: Secret;
  /** PEM, the leaf first. */
  readonly certificates: string;
  /** PEM of the anchors of each purpose; empty where the source has none, as a Workload API has none of control-plane-https. */
  readonly trust: Readonly<Record<Purpose, string>>;
}

export interface WatchIdentityOptions {
  /** Of the node, absolute. */
  readonly directory: string;
  /** Between two looks. Default 500 ms. */
  readonly pollMs?: number | undefined;
  /** Hears of a directory that cannot be used; what was read before stays in use. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

export interface IdentityWatch {
  current(): IdentitySnapshot;
  /** @returns a function that ends it. */
  onChange(listener: (snapshot: IdentitySnapshot) => void): () => void;
  /** Looks now, instead of at the next turn. @throws what reading throws; what was read before stays in use. */
  refresh(): Promise<IdentitySnapshot>;
  close(): void;
}

export type WatchWorld = NodeWorld & Pick<IdentityWorld, 'switches' | 'keys'> & { readonly timer: Timer };

/** @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_TRUST_STATE_MALFORMED */
export async function watchIdentity(world: WatchWorld, options: WatchIdentityOptions): Promise<IdentityWatch> {
  const { directory, pollMs = 500, onFailure } = options;
  const listeners = new Set<(snapshot: IdentitySnapshot) => void>();
  const ended = new AbortController();
  let mark = await markOf(world, directory);
  let current = await readSnapshot(world, directory);
  const refresh = async (): Promise<IdentitySnapshot> => {
    // The mark first: a change that comes while we read is seen at the next look.
    const seen = await markOf(world, directory);
    if (seen === mark) return current;
    const next = await readSnapshot(world, directory);
    mark = seen;
    current = next;
    for (const listener of listeners) listener(next);
    return next;
  };
  const loop = async (): Promise<void> => {
    for (;;) {
      await world.timer.sleep(pollMs, ended.signal, true);
      if (ended.signal.aborted) return;
      await refresh().catch((error: unknown) => onFailure?.(error));
    }
  };
  void loop();
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    refresh,
    close: () => ended.abort(),
  };
}

const statePath = (directory: string): string => `${directory}/trust/state.json`;

const MAX_STATE = 1024 * 1024;

/** What is another after every change: the generation in use, and the state of trust, which names its manifests by digest. */
async function markOf({ files, switches }: WatchWorld, directory: string): Promise<string> {
  const path = statePath(directory);
  const state = (await files.stat(path)) === undefined ? '' : digestOf(await files.read(path, MAX_STATE));
  return `${await switches.target(identityLayout(directory).current)} ${state}`;
}

/** @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_TRUST_STATE_MALFORMED */
export async function readSnapshot(world: Omit<WatchWorld, 'timer'>, directory: string): Promise<IdentitySnapshot> {
  const identity = await readNodeIdentity(world, directory);
  if (identity === undefined) throw notJoined(directory);
  const { generation, key, certificate, certificatePem, chainPem, meta } = identity;
  const pem = (purpose: Purpose): Promise<string> => anchorsOf(world, directory, purpose);
  const trust = { 'control-plane-https': await pem('control-plane-https'), 'node-cert-lifecycle': await pem('node-cert-lifecycle') };
  const { fingerprint, notAfter } = certificate;
  return { identity: meta.identity, generation, fingerprint, notAfter, key, certificates: `${certificatePem}${chainPem}`, trust };
}

async function anchorsOf(world: NodeWorld, directory: string, purpose: Purpose): Promise<string> {
  const state = await readNodeState(world, statePath(directory));
  const trust = await readNodeTrust(world, state, purpose, statePath(directory));
  if (trust !== undefined) return trust.held.signed.manifest.bundle_pem;
  throw new JoineryError('ERR_NODE_NOT_JOINED', `${directory}: expected trust for ${purpose}, found none`, { hint: 'joinery node join' });
}
