/** Takes the answer to a join or a renewal into the node directory, after every check of it has passed. */
import { canonicalBytes, type JsonObject } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { concat, utf8 } from '../core/encoding.ts';
import type { JoinReply } from '../core/join/messages.ts';
import { identityLayout, type NodeMeta, type NodeStatusDocument } from '../core/join/node-directory.ts';
import { checkReply, offersOf, type ReplyExpectation } from '../core/join/reply-check.ts';
import { jsonFile } from '../core/onboarding/files.ts';
import type { Secret } from '../core/secret.ts';
import { formatInstant } from '../core/time.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { walkTrust } from '../core/trust/walk.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { type AppliedTrust, applyTrust } from './apply-trust.ts';
import { type IdentityWorld, switchIdentity } from './node-identity.ts';
import { type NodeWorld, pemPath, readNodeState, readNodeTrust } from './node-trust.ts';
import { forgetPendingKey } from './pending-key.ts';
import { shareDirectory } from './shared-directory.ts';

export type InstallWorld = NodeWorld & IdentityWorld;

export interface InstallIdentity {
  /** Of the node (FORMATS 3). */
  readonly directory: string;
  readonly operation: 'join' | 'renew' | 'install';
  readonly reply: JoinReply;
  readonly key: { readonly spki: Uint8Array; readonly pem: Secret };
  readonly expected: Pick<ReplyExpectation, 'cluster' | 'role' | 'node' | 'identity'>;
  /** Of the first manifests, for a node that trusts nothing yet. */
  readonly firstDigests?: Partial<Record<Purpose, Digest>> | undefined;
  readonly environment?: { readonly environment_name?: string; readonly environment_domain?: string } | undefined;
  /** Removed afterwards. */
  readonly tokenFile?: string | undefined;
}

export interface InstalledIdentity {
  readonly generation: number;
  readonly certificate: Certificate;
  readonly meta: NodeMeta;
  readonly trust: readonly AppliedTrust[];
}

/**
 * Verifies all of a reply, and then writes: the newer trust (each purpose safe to be killed at any point), the identity in one switch,
 * and last the small things. After a refusal nothing is written.
 * @throws ERR_REPLY_*, what the walk throws (ERR_TRUST_ROLLBACK: the server's trust is older than this node's floor), ERR_FILE_*
 */
export async function installIdentity(world: InstallWorld, input: InstallIdentity): Promise<InstalledIdentity> {
  const { directory, reply, key } = input;
  const { certificate } = checkReply(reply, {
    ...input.expected,
    spki: key.spki,
    anchors: await anchorsAfter(world, input),
    now: world.clock.now(),
    verifySignature: world.verifySignature,
  });
  await makeDirectories(world, directory);
  const trust: AppliedTrust[] = [];
  for (const purpose of PURPOSES) trust.push(await applyTrust(world, await trustInput(world, input, purpose)));
  const meta = metaOf(world, reply, certificate);
  const { certificate_pem: certificatePem, chain_pem: chainPem } = reply;
  const generation = await switchIdentity(world, directory, { key: key.pem, certificatePem, chainPem, meta });
  await finish(world, input, { generation, certificate, meta, trust });
  return { generation, certificate, meta, trust };
}

const statePath = (directory: string): string => `${directory}/trust/state.json`;

async function trustInput<P extends Purpose>(
  world: InstallWorld,
  { directory, reply, firstDigests, environment }: InstallIdentity,
  purpose: P,
) {
  const state = await readNodeState(world, statePath(directory));
  return {
    purpose,
    statePath: statePath(directory),
    path: pemPath(state, purpose, statePath(directory)),
    offers: offersOf(reply, purpose),
    firstDigest: firstDigests?.[purpose],
    ...(environment && { environment }),
  };
}

/**
 * Walks both purposes without writing anything.
 * @returns the anchors of node-cert-lifecycle of the version that the walk ends at.
 */
async function anchorsAfter(world: InstallWorld, input: InstallIdentity): Promise<readonly Certificate[]> {
  const { clock, verifySignature: verify } = world;
  const held = async <P extends Purpose>(purpose: P) => {
    const request = await trustInput(world, input, purpose);
    const state = await readNodeState(world, request.statePath);
    const known = await readNodeTrust(world, state, purpose, request.statePath);
    const { steps } = walkTrust({ ...request, known, now: clock.now(), verify });
    // On first contact a walk has one step at least.
    return steps.at(-1) ?? (known as NonNullable<typeof known>).held;
  };
  await held('control-plane-https');
  return (await held('node-cert-lifecycle')).signed.anchors;
}

async function makeDirectories({ files }: InstallWorld, directory: string): Promise<void> {
  for (const path of [directory, `${directory}/trust`]) await shareDirectory(files, path, 0o755);
}

function metaOf({ clock }: InstallWorld, reply: JoinReply, { serialNumber, fingerprint }: Certificate): NodeMeta {
  const { identity, cluster, role, node_id: node, issued_at, renew_after, expires_at, audit_id } = reply;
  return {
    schema: 'joinery/node-identity/1',
    identity,
    serial: serialNumber,
    fingerprint: fingerprint as string as Digest,
    audit_id,
    installed_at: formatInstant(clock.now()),
    cluster,
    role,
    node,
    issued_at,
    renew_after,
    expires_at,
  };
}

/** What may be lost without harm: a run that was killed before it leaves a used token and a used key, and the next run removes them. */
async function finish(world: InstallWorld, input: InstallIdentity, { generation, meta, trust }: InstalledIdentity): Promise<void> {
  const { directory, operation, reply, tokenFile } = input;
  await forgetPendingKey(world, directory);
  if (tokenFile !== undefined) await world.files.remove(tokenFile);
  await world.files.replace(`${directory}/seed-peers.json`, jsonFile(reply.seed_peers as unknown as JsonObject), 0o644);
  const line = (purpose: Purpose) => {
    const { version, fingerprint } = trust.find((applied) => applied.purpose === purpose) as AppliedTrust;
    return { version, fingerprint: fingerprint as Digest };
  };
  await writeNodeStatus(world, directory, {
    operation,
    result: 'ok',
    identity: meta.identity,
    serial: meta.serial,
    generation,
    renew_after: reply.renew_after,
    expires_at: reply.expires_at,
    audit_id: reply.audit_id,
    trust: { 'control-plane-https': line('control-plane-https'), 'node-cert-lifecycle': line('node-cert-lifecycle') },
  });
}

/** `status.json`, for monitoring. */
export async function writeNodeStatus(
  { files, clock }: Pick<NodeWorld, 'files' | 'clock'>,
  directory: string,
  status: Omit<NodeStatusDocument, 'schema' | 'updated_at'>,
): Promise<void> {
  const document: NodeStatusDocument = { schema: 'joinery/node-status/1', updated_at: formatInstant(clock.now()), ...status };
  await files.replace(identityLayout(directory).status, concat(canonicalBytes({ ...document } as JsonObject), utf8('\n')), 0o644);
}
