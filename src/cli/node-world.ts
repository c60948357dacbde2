/** What the trust commands of a node work with: no realm, and the actor for the node's own history. */
import { resolve } from 'node:path';
import { endpointTrust, type NodePaths, type NodeWorld } from '../app/node-trust.ts';
import { type DocumentSource, type Download, isUrl } from '../app/trust-documents.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { World } from './context.ts';

export function nodeWorld({ files, clock, verifySignature, caller }: World): NodeWorld {
  return { files, clock, verifySignature, actor: caller.actor.name };
}

/** The network is loaded when a URL is given. */
export const download: Download = async (url, limits) => (await import('../adapters/http-download.ts')).httpDownload(url, limits);

/** Where a node gets documents from; a server, if there is one, is verified by what the node trusts already. */
export async function documentSource(world: NodeWorld, statePath: string, documents: readonly string[]): Promise<DocumentSource> {
  return { files: world.files, download, trust: documents.some(isUrl) ? await endpointTrust(world, statePath) : undefined };
}

/** The state remembers where the PEM is: for the next run, whatever directory that is started in. */
export function nodePaths<P extends Purpose>(flags: { readonly purpose: P; readonly path: string; readonly state: string }): NodePaths<P> {
  return { purpose: flags.purpose, path: resolve(flags.path), statePath: flags.state };
}
