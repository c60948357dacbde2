/** A client as a node has it: servers, trust and identity come from its node directory, and follow it when it changes. */
import { type IdentityWorld, readNodeIdentity } from '../app/node-identity.ts';
import { endpointTrust as nodeEndpointTrust, type NodeWorld, readNodeState } from '../app/node-trust.ts';
import { readOnboarding } from '../app/node-settings.ts';
import type { InstallWorld } from '../app/install-identity.ts';
import { trustStatus } from '../app/trust-status.ts';
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { TrustReport } from '../core/join/messages.ts';
import { PURPOSES } from '../core/trust/purpose.ts';
import { type BootstrapClient, type BootstrapClientOptions, createClient } from './client.ts';
import type { ServerTrust } from './server-trust.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import type { ClientWorld } from './world.ts';

/** A node that speaks to servers. */
export type NodeClientWorld = ClientWorld & InstallWorld;

export interface NodeClientOptions {
  readonly directory: string;
  /** Instead of those of `onboarding.json`. */
  readonly urls?: readonly string[] | undefined;
  /** Client certificate instead of that of the directory: of a Workload API, say. */
  readonly identity?: (() => Promise<TransportIdentity>) | undefined;
  readonly timeoutMs?: number | undefined;
  readonly attempts?: number | undefined;
  readonly correlationId?: string | undefined;
}

/** @throws ERR_NODE_NO_URL, ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_TRUST_STATE_MALFORMED */
export async function nodeClient(world: NodeClientWorld, options: NodeClientOptions): Promise<BootstrapClient> {
  const { directory, urls, identity, ...rest } = options;
  const settings: BootstrapClientOptions = {
    ...rest,
    urls: urls ?? (await readOnboarding(world, directory))?.join_urls ?? [],
    trust: nodeServerTrust(world, directory),
    identity: identity ?? (() => nodeTransportIdentity(world, directory)),
  };
  return createClient(world, settings);
}

/** What the node trusts platform endpoints by, read again for every session. */
export function nodeServerTrust(world: NodeWorld, directory: string): ServerTrust {
  return {
    kind: 'anchors',
    pem: async () => {
      const pem = await nodeEndpointTrust(world, `${directory}/trust/state.json`);
      if (pem !== undefined) return pem;
      throw new JoineryError('ERR_NODE_NOT_JOINED', `${directory}: expected trust for control-plane-https, found none`, {
        hint: 'joinery node join, or joinery trust apply, brings the first one',
      });
    },
  };
}

/** @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY */
export async function nodeTransportIdentity(
  world: Pick<IdentityWorld, 'files' | 'switches' | 'keys'>,
  directory: string,
): Promise<TransportIdentity> {
  const identity = await readNodeIdentity(world, directory);
  if (identity === undefined) throw notJoined(directory);
  return { key: identity.key, certificates: `${identity.certificatePem}${identity.chainPem}` };
}

export function notJoined(directory: string): JoineryError {
  return new JoineryError('ERR_NODE_NOT_JOINED', `${directory}: expected an identity, found none`, { hint: 'joinery node join' });
}

/** What the node runs with, as it says in a trust report. */
export async function trustReportOf(world: NodeWorld, directory: string): Promise<TrustReport> {
  const statePath = `${directory}/trust/state.json`;
  const statuses = await trustStatus(world, statePath);
  const lines = statuses.map(({ purpose, version, fingerprint, updatedAt }) => [
    purpose,
    { version, fingerprint: fingerprint as Digest, updated_at: updatedAt },
  ]);
  return { purposes: Object.fromEntries(lines) as TrustReport['purposes'] };
}

/** Whether the node has any trust at all. */
export async function hasTrust(world: NodeWorld, directory: string): Promise<boolean> {
  const { purposes } = await readNodeState(world, `${directory}/trust/state.json`);
  return PURPOSES.some((purpose) => purposes[purpose] !== undefined);
}
