/** Whether a node is in order: its identity, its trust, and whether the two fit together. Reads only. */
import { parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8, parsePem } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { identityLayout, type NodeStatusDocument, parseNodeStatus } from '../core/join/node-directory.ts';
import type { RenewalState } from '../core/join/renewal.ts';
import { Checklist, type CheckRow, type Passed, passed, warned } from '../core/onboarding/checklist.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { OID } from '../core/x509/oids.ts';
import { validatePath } from '../core/x509/path.ts';
import { type IdentityWorld, type NodeIdentity, readNodeIdentity, scheduleOf } from './node-identity.ts';
import { type NodeWorld, readNodeState, readNodeTrust } from './node-trust.ts';
import { type TrustStatus, trustStatus } from './trust-status.ts';

export const STATUS_CHECKS = ['identity', 'certificate', 'renewal', 'path', 'control-plane-https', 'node-cert-lifecycle', 'token'] as const;

export interface NodeStatus {
  /** A row for every name of {@link STATUS_CHECKS}. */
  readonly checks: readonly CheckRow[];
  /** No check failed. */
  readonly ok: boolean;
  readonly identity: NodeIdentity | undefined;
  readonly schedule: { readonly due: Instant; readonly state: RenewalState } | undefined;
  readonly trust: readonly TrustStatus[];
  /** What the last join or renewal left behind. */
  readonly last: NodeStatusDocument | undefined;
}

type StatusWorld = NodeWorld & Pick<IdentityWorld, 'switches' | 'keys'>;

/** @throws ERR_FILE_ACCESS; everything else that is wrong is a row of the list. */
export async function nodeStatus(world: StatusWorld, directory: string): Promise<NodeStatus> {
  const now = world.clock.now();
  const list = new Checklist(STATUS_CHECKS);
  const read = await settled(() => readNodeIdentity(world, directory));
  const identity = list.run('identity', () => identityRow(read(), directory));
  const schedule = identity && scheduleOf(identity, now);
  if (identity !== undefined && schedule !== undefined) {
    list.run('certificate', () => certificateRow(identity, now));
    list.run('renewal', () => renewalRow(schedule));
    const anchors = await settled(() => nodeCertAnchors(world, directory));
    list.run('path', () => pathRow(world, identity, anchors()));
  }
  const trust: TrustStatus[] = [];
  for (const purpose of PURPOSES) {
    const found = await settled(() => trustStatus(world, `${directory}/trust/state.json`, { purpose }));
    const status = list.run(purpose, () => trustRow(found(), purpose));
    if (status !== undefined) trust.push(status);
  }
  const left = identity !== undefined && (await world.files.stat(`${directory}/secrets/join-token`)) !== undefined;
  list.run('token', () =>
    left ? warned(`${directory}/secrets/join-token is still there: joinery node join removes it`) : passed('no join token is left'),
  );
  const checks = list.rows;
  const last = await lastRun(world, directory);
  return { checks, ok: !checks.some(({ result }) => result === 'failed'), identity, schedule, trust, last };
}

/** Runs what may fail now, to give its result or throw its error where the row is made. */
async function settled<T>(work: () => Promise<T>): Promise<() => T> {
  try {
    const value = await work();
    return () => value;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

function identityRow(identity: NodeIdentity | undefined, directory: string): Passed<NodeIdentity> {
  if (identity !== undefined)
    return { detail: `${identity.meta.identity}, ${identity.generation}; key and certificate are a pair`, value: identity };
  throw new JoineryError('ERR_NODE_NOT_JOINED', `${directory}: expected an identity, found none`);
}

function certificateRow({ certificate: { notBefore, notAfter } }: NodeIdentity, now: Instant): Passed<true> {
  const validity = `${formatInstant(notBefore)} to ${formatInstant(notAfter)}`;
  if (notBefore <= now && now < notAfter) return passed(`valid from ${validity}`);
  throw new JoineryError('ERR_NODE_EXPIRED', `node.crt: expected a certificate that is valid at ${formatInstant(now)}, found ${validity}`);
}

function renewalRow({ due, state }: { readonly due: Instant; readonly state: RenewalState }): Passed<true> {
  const text = `due from ${formatInstant(due)}`;
  return state === 'fresh' ? passed(text) : warned(`${text}: joinery node renew`);
}

async function nodeCertAnchors(world: NodeWorld, directory: string): Promise<readonly Certificate[]> {
  const statePath = `${directory}/trust/state.json`;
  const trust = await readNodeTrust(world, await readNodeState(world, statePath), 'node-cert-lifecycle', statePath);
  return trust?.held.signed.anchors ?? [];
}

function pathRow(
  { clock, verifySignature }: NodeWorld,
  { certificate, chainPem }: NodeIdentity,
  anchors: readonly Certificate[],
): Passed<true> {
  const intermediates = parsePem(chainPem, 'chain.crt').map(({ der }) => parseCertificate(der, 'chain.crt'));
  const result = validatePath({ leaf: certificate, intermediates, anchors, at: clock.now(), verifySignature, purpose: OID.clientAuth });
  if (result.ok) return passed(`under ${(result.path.at(-1) as Certificate).subject.text}`);
  throw new JoineryError('ERR_CERTIFICATE_UNTRUSTED', `node.crt: ${result.certificate.subject.text}: ${result.reason}`);
}

function trustRow([status]: readonly TrustStatus[], purpose: Purpose): Passed<TrustStatus> {
  if (status === undefined) throw new JoineryError('ERR_TRUST_NOT_FOUND', `${purpose}: expected a trust bundle version, found none`);
  const { version, problems, expiresAt } = status;
  if (problems.length === 0) return { detail: `version ${version}, until ${expiresAt}`, value: status };
  throw new JoineryError('ERR_TRUST_EXPIRED', `${purpose}: expected version ${version} in order, found ${problems.join(', ')}`);
}

const MAX_STATUS = 64 * 1024;

/** Shown, never relied on: the shell agent and other programs write it too. */
async function lastRun({ files }: NodeWorld, directory: string): Promise<NodeStatusDocument | undefined> {
  const { status: path } = identityLayout(directory);
  if ((await files.stat(path)) === undefined) return undefined;
  try {
    return parseNodeStatus(parseStrictJson(decodeUtf8(await files.read(path, MAX_STATUS), path), path), path);
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    return undefined;
  }
}
