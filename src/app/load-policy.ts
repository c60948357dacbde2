/** The policies in force: loaded once, compiled, and loaded again on demand. What fails to load never takes the place of what holds. */
import type { JsonValue } from '../core/canonical-json.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { type ErrorCode, isJoineryError, JoineryError } from '../core/errors.ts';
import { type JoinPolicy, parsePolicy } from '../core/policy/document.ts';
import { builtinPolicy, type CompiledPolicy, compilePolicy } from '../core/policy/evaluate.ts';
import { MAX_SIGNATURE_BYTES, signaturePath, verifyPolicySignature } from '../core/policy/signature.ts';
import { type ClusterConfig, clusterOf, type RealmConfig } from '../core/realm/config.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export const MAX_POLICY_BYTES = 1024 * 1024;

/** Reads YAML or JSON. @throws ERR_CONFIG_MALFORMED, ERR_INPUT_TOO_LARGE */
export type ReadDocument = (text: string, what: string) => Promise<JsonValue>;

export interface LoadedPolicy {
  readonly policy: CompiledPolicy;
  readonly name: string;
  readonly version: number;
  /** Of the file's bytes; of the built-in policy none. */
  readonly digest?: Digest;
  /** Absent for the built-in policy. */
  readonly file?: string;
  /** Thumbprint of the key that signed the file, where signatures are required. */
  readonly signer?: string;
}

export interface PolicyReload {
  readonly cluster: string;
  readonly result: 'ok' | 'unchanged' | 'failed';
  readonly reason?: ErrorCode;
  /** Why it failed. */
  readonly message?: string;
  /** Of the policy that is in force now. */
  readonly version: number;
}

export interface PolicySource {
  /** @throws ERR_CLUSTER_UNKNOWN */
  current(cluster: string): LoadedPolicy;
  /**
   * Loads every policy again, perhaps by a new configuration. A cluster whose policy fails keeps the one that it has (a new cluster
   * then has none and is refused); a lower version fails. Changes and new failures are audit records.
   */
  reload(config?: RealmConfig): Promise<readonly PolicyReload[]>;
}

/**
 * Versions are held against each other within one process only: after a restart the file is taken as it is.
 * @throws ERR_POLICY_MALFORMED, ERR_POLICY_UNSIGNED, ERR_POLICY_SIGNATURE, ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_ENCODING_MALFORMED
 */
export async function openPolicies(realm: Realm, readDocument: ReadDocument): Promise<PolicySource> {
  const state: State = { realm, readDocument, config: realm.config, loaded: new Map(), failures: new Map() };
  for (const cluster of state.config.clusters) state.loaded.set(cluster.name, await loadPolicy(state, cluster));
  let last: Promise<unknown> = Promise.resolve();
  return {
    current: (cluster) => state.loaded.get(cluster) ?? absent(state.config, cluster),
    reload: (config = state.config) => {
      // One after the other: of two at once, the one that read the older file could end last.
      const done = last.then(() => reloadAll(state, config));
      last = done.catch(() => undefined);
      return done;
    },
  };
}

interface State {
  readonly realm: Realm;
  readonly readDocument: ReadDocument;
  config: RealmConfig;
  readonly loaded: Map<string, LoadedPolicy>;
  /** The failure of each cluster that was recorded last: a file that stays wrong is recorded once. */
  readonly failures: Map<string, string>;
}

async function reloadAll(state: State, config: RealmConfig): Promise<readonly PolicyReload[]> {
  state.config = config;
  const known = new Set(config.clusters.map(({ name }) => name));
  for (const name of state.loaded.keys()) if (!known.has(name)) state.loaded.delete(name);
  const results: PolicyReload[] = [];
  for (const cluster of config.clusters) results.push(await reloadOne(state, cluster));
  return results;
}

async function reloadOne(state: State, cluster: ClusterConfig): Promise<PolicyReload> {
  const { name } = cluster;
  const before = state.loaded.get(name);
  try {
    const fresh = await loadPolicy(state, cluster);
    assertNotOlder(before, fresh, name);
    const changed = before === undefined || before.digest !== fresh.digest || before.file !== fresh.file;
    if (changed) await record(state.realm, name, { version: fresh.version, digest: fresh.digest });
    state.loaded.set(name, fresh);
    state.failures.delete(name);
    return { cluster: name, result: changed ? 'ok' : 'unchanged', version: fresh.version };
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'bug') throw error;
    return keepLast(state, name, error);
  }
}

/** What was loaded last stays in force. */
async function keepLast({ realm, loaded, failures }: State, name: string, failure: JoineryError): Promise<PolicyReload> {
  const version = loaded.get(name)?.version ?? 0;
  if (failures.get(name) !== failure.message) await record(realm, name, { version, failure });
  failures.set(name, failure.message);
  return { cluster: name, result: 'failed', reason: failure.code, message: failure.message, version };
}

/** The policy in the cluster's file, or the built-in one. */
async function loadPolicy({ realm, readDocument, config }: State, cluster: ClusterConfig): Promise<LoadedPolicy> {
  const hosts = joinHostsOf(config);
  if (cluster.policy === undefined) {
    const document = builtinPolicy(cluster.name, cluster.roles);
    return { policy: compilePolicy(document, hosts), name: document.metadata.name, version: document.metadata.version };
  }
  const file = cluster.policy.startsWith('/') ? cluster.policy : `${realm.directory}/${cluster.policy}`;
  const bytes = await realm.files.read(file, MAX_POLICY_BYTES);
  const signer = await signerOf(realm, config, file, bytes);
  const document = await readPolicy(bytes, file, readDocument);
  const { name, version } = document.metadata;
  return { policy: compilePolicy(document, hosts), name, version, digest: digestOf(bytes), file, ...(signer !== undefined && { signer }) };
}

/** @throws ERR_POLICY_MALFORMED, ERR_INPUT_TOO_LARGE, ERR_ENCODING_MALFORMED */
export async function readPolicy(bytes: Uint8Array, what: string, readDocument: ReadDocument): Promise<JoinPolicy> {
  return parsePolicy(await asPolicy(() => readDocument(decodeUtf8(bytes, what), what)), what);
}

/** YAML that cannot be read is a malformed policy, not a malformed configuration. */
async function asPolicy(read: () => Promise<JsonValue>): Promise<JsonValue> {
  try {
    return await read();
  } catch (error) {
    if (!isJoineryError(error, 'ERR_CONFIG_MALFORMED')) throw error;
    throw new JoineryError('ERR_POLICY_MALFORMED', error.message, { cause: error });
  }
}

/**
 * @returns the thumbprint of the signer, or undefined where the configuration does not ask for one.
 * @throws ERR_POLICY_UNSIGNED, ERR_POLICY_SIGNATURE, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_ENCODING_MALFORMED
 */
export async function signerOf(
  { files, verifySignature }: Pick<Realm, 'files' | 'verifySignature'>,
  config: RealmConfig,
  file: string,
  bytes: Uint8Array,
): Promise<string | undefined> {
  const { require_signed: required, signers = [] } = config.policy ?? {};
  if (required !== true) return undefined;
  const what = signaturePath(file);
  if ((await files.stat(what)) === undefined) {
    throw new JoineryError('ERR_POLICY_UNSIGNED', `${what}: expected the signature of the policy, found no file`, {
      hint: `sign the policy: joinery policy sign ${file} --key KEY`,
    });
  }
  const signatures = await files.read(what, MAX_SIGNATURE_BYTES);
  return verifyPolicySignature({ bytes, signatures, signers, verifySignature, what });
}

/** Hosts of every join URL, IPv6 addresses without their brackets. */
export function joinHostsOf({ clusters }: RealmConfig): readonly string[] {
  return clusters.flatMap(({ join_urls = [] }) => join_urls.map((url) => hostOfUrl(url)));
}

function hostOfUrl(url: string): string {
  const [, address, name] = /^https:\/\/(?:\[([^\]]*)\]|([^:/]*))/.exec(url) as unknown as [string, string | undefined, string];
  return address ?? name;
}

function assertNotOlder(before: LoadedPolicy | undefined, fresh: LoadedPolicy, cluster: string): void {
  // The built-in policy has no file, and no versions to count.
  if (before?.digest === undefined || fresh.digest === undefined || fresh.version >= before.version) return;
  throw new JoineryError(
    'ERR_POLICY_ROLLBACK',
    `policy of cluster ${cluster}: expected version ${before.version} or later, found ${fresh.version}`,
    { hint: 'give the policy a higher version, also to return to what an earlier one said' },
  );
}

interface Recorded {
  /** Of the policy in force. */
  readonly version: number;
  readonly digest?: Digest | undefined;
  readonly failure?: JoineryError;
}

async function record(realm: Realm, cluster: string, { version, digest, failure }: Recorded): Promise<void> {
  const details = { version, ...(digest !== undefined && { digest }), ...(failure && { message: failure.message.slice(0, 500) }) };
  const outcome = failure && { result: 'failed' as const, reason: failure.code };
  await commit(realm.store, {
    checks: [],
    writes: [],
    audit: [auditEvent(realm, { event: 'policy.reload', subject: cluster, details, ...outcome })],
  });
}

/** A cluster that is new, and whose policy has never loaded. */
function absent(config: RealmConfig, cluster: string): never {
  clusterOf(config, cluster);
  throw new JoineryError('ERR_POLICY_DENIED', `policy of cluster ${cluster}: expected one that could be loaded, found none`, {
    hint: 'the log and the audit log say why it could not be loaded (policy.reload)',
  });
}
