/** Writes what a node without a network asks for to a stick: its key stays, its certification request and its token go. */
import type { JoinRequest } from '../core/join/messages.ts';
import { requestFile } from '../core/join/offline.ts';
import type { Clock } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { type IdentityWorld, type NodeIdentity, readNodeIdentity } from './node-identity.ts';
import { readOnboarding } from './node-settings.ts';
import { pendingKey } from './pending-key.ts';

export interface RequestOffline {
  /** Of the node, absolute (FORMATS 3). */
  readonly directory: string;
  readonly token: Secret;
  /** Directory that the request is written to: the stick. */
  readonly out: string;
  /** What the package does not say; the token decides what is granted. */
  readonly wishes: Pick<JoinRequest, 'cluster' | 'requested_role' | 'node_id' | 'labels'>;
  /** Ask although there is a valid identity. */
  readonly again: boolean;
}

export type RequestedOffline =
  | { readonly state: 'requested'; readonly file: string; readonly request: JoinRequest }
  | { readonly state: 'already-joined'; readonly identity: NodeIdentity };

/** FAT ignores it; elsewhere the token is for the owner alone. */
const REQUEST_MODE = 0o600;

/**
 * Safe to run again: the same key asks under the same name until its answer is installed.
 * @throws ERR_PACKAGE_MALFORMED, ERR_NODE_DIRECTORY, ERR_FILE_*
 */
export async function requestOffline(world: IdentityWorld & { readonly clock: Clock }, input: RequestOffline): Promise<RequestedOffline> {
  const { files, clock } = world;
  const { directory, token, out, wishes, again } = input;
  const onboarding = await readOnboarding(world, directory);
  const identity = again ? undefined : await readNodeIdentity(world, directory);
  if (identity !== undefined && identity.certificate.notAfter > clock.now()) return { state: 'already-joined', identity };
  if ((await files.stat(`${directory}/.`)) === undefined) await files.makeDirectory(directory, 0o755);
  const { csr } = await pendingKey(world, directory, 'join');
  const request: JoinRequest = {
    token: token.reveal(),
    csr,
    ...(onboarding !== undefined && {
      cluster: onboarding.cluster,
      requested_role: onboarding.role,
      environment: onboarding.environment.name,
      ...(onboarding.node !== undefined && { node_id: onboarding.node }),
    }),
    ...wishes,
  };
  const { name, bytes } = requestFile(request, clock.now());
  const file = `${out}/${name}`;
  await files.replace(file, bytes, REQUEST_MODE);
  return { state: 'requested', file, request };
}
