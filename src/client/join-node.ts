/** Makes a machine a trusted member: `node join`, and the same for services that embed the client. */
import { type InstalledIdentity, installIdentity, writeNodeStatus } from '../app/install-identity.ts';
import { type NodeIdentity, readNodeIdentity } from '../app/node-identity.ts';
import { assertWritableSettings, readOnboarding, writeOnboarding } from '../app/node-settings.ts';
import { askNaming } from '../app/named-request.ts';
import { forgetPendingKey, type PendingKey, pendingKey } from '../app/pending-key.ts';
import { shareDirectory } from '../app/shared-directory.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { JoinRequest } from '../core/join/messages.ts';
import { identityLayout, type NodeStatusDocument } from '../core/join/node-directory.ts';
import { keyThumbprintOf } from '../core/join/node-key.ts';
import type { Onboarding } from '../core/onboarding/model.ts';
import { Secret } from '../core/secret.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { besideOthers } from './beside-others.ts';
import { type BootstrapClient, createClient } from './client.ts';
import type { EvidenceRequest, EvidenceSource } from './evidence.ts';
import { fetchNamedTrust } from './first-anchors.ts';
import { type JoinPlan, type JoinWishes, planJoin, tokenPathOf } from './join-plan.ts';
import { hasTrust, nodeClient, type NodeClientWorld, nodeServerTrust, trustReportOf } from './node-client.ts';

export interface NamedEvidence {
  readonly provider: string;
  readonly source: EvidenceSource;
}

export interface JoinNodeInput extends JoinWishes {
  /** Absolute. */
  readonly directory: string;
  /** Instead of the token of the package: read when it is needed. */
  readonly token?: (() => Promise<Secret>) | undefined;
  /** Removed after the join, as the token of the package is. */
  readonly tokenFile?: string | undefined;
  /** A token of several uses stays. */
  readonly keepToken?: boolean | undefined;
  /** Join anew, although there is an identity. */
  readonly again?: boolean | undefined;
  readonly labels?: JoinRequest['labels'];
  /** What this machine is, for the attestor of that name. */
  readonly evidence?: NamedEvidence | undefined;
  readonly timeoutMs?: number | undefined;
  readonly correlationId?: string | undefined;
  /** Hears of what went wrong after the join, and does not undo it. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export type JoinedNode =
  | ({ readonly state: 'joined' } & InstalledIdentity)
  /** It was joined before; nothing was asked of any server. */
  | { readonly state: 'already-joined'; readonly identity: NodeIdentity };

const DEFAULT_JOIN_MS = 60_000;

/**
 * Safe to run again after whatever happened: the key that was sent once is sent again, and the server then gives the same certificate.
 * @throws ERR_NODE_* (ERR_NODE_BUSY beside another run), ERR_PIN_*, ERR_TRUST_*, ERR_REPLY_*, the server's code, ERR_FILE_*. After a refusal the identity is as it was.
 */
export async function joinNode(world: NodeClientWorld, input: JoinNodeInput): Promise<JoinedNode> {
  const { directory } = input;
  const onboarding = await readOnboarding(world, directory);
  const generation = await world.switches.target(identityLayout(directory).current);
  const identity = input.again === true ? undefined : await validIdentity(world, directory);
  if (identity !== undefined) return alreadyJoined(world, input, onboarding, identity);
  const work = async (): Promise<JoinedNode> => {
    if (onboarding !== undefined) await fetchNamedTrust(world, onboarding);
    const token = await (input.token ?? (() => packageToken(world, onboarding)))();
    const known = (await hasTrust(world, directory)) ? nodeServerTrust(world, directory) : undefined;
    const plan = planJoin({ wishes: input, onboarding, token, known });
    if (onboarding === undefined) assertWritableSettings(world, directory, plan.urls);
    await shareDirectory(world.files, directory, 0o755);
    const key = await pendingKey(world, directory, 'join');
    // A run beside this one may have joined and forgotten its key meanwhile: ours would be a second one for the same token.
    if ((await world.switches.target(identityLayout(directory).current)) !== generation) return again();
    return { state: 'joined', ...(await askAndInstall(world, input, onboarding, { token, plan, key })) };
  };
  const again = (): Promise<JoinedNode> => joinNode(world, { ...input, again: false });
  return recorded(world, directory, 'join', () => besideOthers(world, { directory, generation, work, again }));
}

async function alreadyJoined(
  world: NodeClientWorld,
  input: JoinNodeInput,
  onboarding: Onboarding | undefined,
  identity: NodeIdentity,
): Promise<JoinedNode> {
  const { node } = identity.meta;
  if (input.node !== undefined && node !== undefined && input.node !== node)
    input.onWarning?.(`this node has joined as ${node}, not as ${input.node}: --again joins anew`);
  // A run that was killed after the switch may have left these.
  await forgetPendingKey(world, input.directory, 'join');
  const leftover = tokenPathOf(onboarding);
  if (leftover !== undefined) await world.files.remove(leftover);
  return { state: 'already-joined', identity };
}

/** Writes a failure to `status.json`, where there is a node directory to write it to. */
export async function recorded<T>(
  world: NodeClientWorld,
  directory: string,
  operation: NodeStatusDocument['operation'],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isJoineryError(error) && (await world.files.stat(`${directory}/.`)) !== undefined) {
      await writeNodeStatus(world, directory, { operation, result: 'failed', code: error.code }).catch((second: unknown) => {
        // A disk that takes no status must not hide what went wrong first.
        if (!isJoineryError(second)) throw second;
      });
    }
    throw error;
  }
}

/** An identity that has expired is none. */
async function validIdentity(world: NodeClientWorld, directory: string): Promise<NodeIdentity | undefined> {
  const identity = await readNodeIdentity(world, directory);
  return identity !== undefined && identity.certificate.notAfter > world.clock.now() ? identity : undefined;
}

const MAX_TOKEN = 16 * 1024;

async function packageToken({ files }: NodeClientWorld, onboarding: Onboarding | undefined): Promise<Secret> {
  const path = tokenPathOf(onboarding);
  if (path === undefined || (await files.stat(path)) === undefined) {
    throw new JoineryError(
      'ERR_USAGE',
      '--token-file: expected a file with the join token, or an onboarding package with one, found neither',
    );
  }
  return new Secret(decodeUtf8(await files.read(path, MAX_TOKEN), path).trim());
}

interface Asking {
  readonly token: Secret;
  readonly plan: JoinPlan;
  readonly key: PendingKey;
}

async function askAndInstall(
  world: NodeClientWorld,
  input: JoinNodeInput,
  onboarding: Onboarding | undefined,
  { token, plan, key }: Asking,
): Promise<InstalledIdentity> {
  const { directory, labels, timeoutMs = DEFAULT_JOIN_MS, correlationId } = input;
  const { urls, trust, cluster, role, node, environment, firstDigests } = plan;
  const client = createClient(world, { urls, trust, timeoutMs, correlationId });
  try {
    const attestation = await attestationOf(input.evidence, client, {
      spki: key.key.spki,
      node: node ?? keyThumbprintOf({ der: key.key.spki }),
      now: world.clock.now(),
    });
    const request = {
      token: token.reveal(),
      ...(cluster !== undefined && { cluster }),
      ...(node !== undefined && { node_id: node }),
      ...(role !== undefined && { requested_role: role }),
      ...(environment.environment_name !== undefined && { environment: environment.environment_name }),
      ...(labels !== undefined && { labels }),
      ...(attestation !== undefined && { attestation }),
    };
    const reply = await askNaming(key.key.signing(), key.csr, (csr) => client.join({ ...request, csr }));
    const installed = await installIdentity(world, {
      directory,
      operation: 'join',
      reply,
      key: { spki: key.key.spki, pem: key.pem },
      expected: { cluster, role, node },
      firstDigests,
      environment,
      tokenFile: input.keepToken === true ? undefined : (input.tokenFile ?? tokenPathOf(onboarding)),
    });
    await writeOnboarding(world, directory, { reply, urls, node });
    await report(world, input);
    return installed;
  } finally {
    await client.close();
  }
}

/** Evidence that is made now, with a nonce of the server where it needs one. */
export async function attestationOf(
  named: NamedEvidence | undefined,
  client: Pick<BootstrapClient, 'challenge'>,
  request: Omit<EvidenceRequest, 'challenge'>,
): Promise<JoinRequest['attestation']> {
  if (named === undefined) return undefined;
  const challenge = async (): Promise<string> => (await client.challenge()).nonce;
  return { provider: named.provider, evidence: await named.source({ ...request, challenge }) };
}

/** Tells the server which trust this node runs with, over a session with its new certificate. A join stands without it. */
export async function report(
  world: NodeClientWorld,
  { directory, correlationId, onWarning }: Pick<JoinNodeInput, 'directory' | 'correlationId' | 'onWarning'>,
): Promise<void> {
  const client = await nodeClient(world, { directory, correlationId, timeoutMs: 10_000, attempts: 2 });
  try {
    await client.reportTrust(await trustReportOf(world, directory));
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    onWarning?.(`the trust report was not taken: ${error.message}`);
  } finally {
    await client.close();
  }
}
