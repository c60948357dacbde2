/** What one package and ten thousand have in common: the request, checked against realm and active trust, and the model that follows. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { agentContents } from '../core/onboarding/agent-files.ts';
import type { AssembleInput, Gzip } from '../core/onboarding/assemble.ts';
import { compact } from '../core/onboarding/compact.ts';
import type { NodeAssets } from '../core/onboarding/files.ts';
import type { FormatName } from '../core/onboarding/formats/table.ts';
import { defaultBundlePath } from '../core/onboarding/layout.ts';
import type { Target } from '../core/onboarding/limits.ts';
import type { UrlOverride } from '../core/onboarding/manifest.ts';
import {
  DEFAULT_ENV_PREFIX,
  DEFAULT_NODE_DIRECTORY,
  type Onboarding,
  type PackageModel,
  parseOnboarding,
  parseSeedPeers,
  type SeedPeers,
  type TrustPart,
  type TrustParts,
} from '../core/onboarding/model.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import { assertPart, userPart } from '../core/onboarding/parts.ts';
import { assertToken, type TokenAllowance, urlsAt } from '../core/onboarding/rules.ts';
import type { Recipient } from '../core/onboarding/seal.ts';
import type { AgentKind } from '../core/onboarding/values.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { StageDirectory, StageTree } from '../core/ports.ts';
import { assertRole, type ClusterConfig, clusterOf } from '../core/realm/config.ts';
import type { Secret } from '../core/secret.ts';
import { formatInstant, plus, type Seconds } from '../core/time.ts';
import { DEFAULT_TOKEN_TTL, type TokenRequest } from '../core/token/mint.ts';
import type { Envelope } from '../core/trust/envelope.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { assertNotExpired } from '../core/trust/transition.ts';
import type { Realm } from './realm.ts';
import { findSigners, readActive, type StoredVersion } from './trust-records.ts';
import { openSigners } from './trust-signers.ts';

export type TokenDelivery = 'embedded' | 'systemd-credential' | 'file-later' | 'none';

export interface PackageRequest {
  readonly cluster: string;
  readonly role: string;
  /** The one node that may use the package. */
  readonly node?: string;
  /** Directory that must not exist yet. */
  readonly out: string;
  /** Default: cloud-config. */
  readonly format?: FormatName;
  readonly target?: Target;
  /** Default: those of the cluster in the configuration. */
  readonly joinUrls?: readonly string[];
  /** Default: the first join URL. */
  readonly apiUrl?: string;
  /** `host:port`; default: those of the cluster in the configuration. */
  readonly seedPeers?: readonly string[];
  /** Default: embedded. */
  readonly trust?: 'embedded' | 'url';
  /** Default: embedded. */
  readonly tokenDelivery?: TokenDelivery;
  /** Life of the token. */
  readonly ttl?: Seconds;
  readonly maxUses?: number;
  /** Reasons for a token that is more powerful than a package's should be. */
  readonly tokenAllowance?: TokenAllowance;
  readonly envPrefix?: string;
  /** The node directory. */
  readonly nodeDirectory?: string;
  readonly trustPaths?: Readonly<Partial<Record<Purpose, string>>>;
  readonly owner?: string;
  readonly fileMode?: string;
  readonly service?: string;
  /** None where something else on the node joins. */
  readonly agent?: AgentKind;
  /** The executable of the agent `binary`: its bytes, for the package to bring, or the place at which the image has it. */
  readonly binary?: Uint8Array;
  readonly agentPath?: string;
  readonly systemTrustStore?: boolean;
  /** Parts of the operator's own, by file name: for the format multipart. */
  readonly parts?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Why a URL outside the environment's domain is right; recorded in the package. */
  readonly urlOutsideReason?: string;
}

/** What rendering needs of the world beyond the realm. */
export interface PackageWorld {
  readonly stageDirectory: StageDirectory;
  readonly stageTree: StageTree;
  /** The script of `templates/trust-check.sh`. */
  readonly trustCheck: Uint8Array;
  /** The templates of the agent by name. */
  readonly agentTemplates: ReadonlyMap<string, string>;
  readonly gzip: Gzip;
  readonly gunzip: Gunzip;
  /** By YAML 1.1, as cloud-init reads. */
  readonly parseYaml: (text: string, what: string) => Promise<JsonValue>;
  readonly seal: (plaintext: Uint8Array, recipient: Recipient) => Promise<Uint8Array>;
}

export type ActiveTrust = Readonly<Record<Purpose, StoredVersion & { readonly activation: Envelope }>>;

/** A request that can be rendered, once there is a token. */
export interface PreparedPackage {
  readonly cluster: ClusterConfig;
  readonly active: ActiveTrust;
  /** Without a token. */
  readonly input: AssembleInput;
  /** What to mint; none for the delivery `none`. */
  readonly tokenRequest: TokenRequest | undefined;
  readonly warnings: readonly string[];
}

/**
 * Everything that can be refused without a key.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_FILE_EXISTS, ERR_PACKAGE_*, ERR_TRUST_EXPIRED, ERR_INPUT_MALFORMED
 */
export async function preparePackage(realm: Realm, request: PackageRequest, world: PackageWorld): Promise<PreparedPackage> {
  const cluster = clusterOf(realm.config, request.cluster);
  assertRole(cluster, request.role);
  await assertFree(realm, request.out);
  const active = await activeTrust(realm);
  const onboarding = describeOnboarding(realm, cluster, active, request);
  const trust = partsOf(active);
  const model: PackageModel = {
    onboarding,
    ...(onboarding.trust_url === undefined && { trust }),
    seedPeers: seedPeersOf(realm, cluster, request),
    ...(await userParts(request, onboarding, world)),
  };
  const urlOverride = urlOverrideOf(onboarding, request.urlOutsideReason);
  const { format = 'cloud-config', target, tokenAllowance } = request;
  const input: AssembleInput = {
    model,
    format,
    trust,
    assets: assetsOf(onboarding, request, world),
    gzip: world.gzip,
    gunzip: world.gunzip,
    ...(target !== undefined && { target }),
    ...(tokenAllowance !== undefined && { tokenAllowance }),
    ...(urlOverride !== undefined && { urlOverride }),
  };
  const tokenRequest = tokenRequestOf(realm, request);
  return { cluster, active, input, tokenRequest, warnings: warningsOf(onboarding, urlOverride) };
}

async function assertFree({ files }: Realm, out: string): Promise<void> {
  if ((await files.stat(out)) === undefined) return;
  throw new JoineryError('ERR_FILE_EXISTS', `--out: expected nothing at ${out}, found something that would be overwritten`, {
    hint: 'name a directory that does not exist yet',
  });
}

async function activeTrust(realm: Realm): Promise<ActiveTrust> {
  const [https, nodeCert] = [await activeOf(realm, 'control-plane-https'), await activeOf(realm, 'node-cert-lifecycle')];
  return { 'control-plane-https': https, 'node-cert-lifecycle': nodeCert };
}

async function activeOf(realm: Realm, purpose: Purpose): Promise<ActiveTrust[Purpose]> {
  const { value } = await readActive(realm, purpose);
  if (value === undefined) {
    throw new JoineryError('ERR_PACKAGE_TRUST_INACTIVE', `${purpose}: expected an active trust bundle version, found none`, {
      hint: `joinery trust publish --purpose ${purpose} --ca NAME, then joinery trust activate --purpose ${purpose} --version N`,
    });
  }
  assertNotExpired(value.signed.manifest, realm.clock.now(), purpose);
  // A version becomes active by the statement that is stored with it.
  return { ...value, activation: value.record.activation as Envelope };
}

function partsOf(active: ActiveTrust): TrustParts {
  const part = (purpose: Purpose): TrustPart => ({
    bundlePem: active[purpose].signed.manifest.bundle_pem,
    signed: { manifest: active[purpose].record.envelope, activation: active[purpose].activation },
  });
  return { 'control-plane-https': part('control-plane-https'), 'node-cert-lifecycle': part('node-cert-lifecycle') };
}

function describeOnboarding(realm: Realm, cluster: ClusterConfig, active: ActiveTrust, request: PackageRequest): Onboarding {
  const { node, agent, nodeDirectory: directory = DEFAULT_NODE_DIRECTORY, tokenDelivery = 'embedded', trust = 'embedded' } = request;
  const joinUrls = request.joinUrls ?? cluster.join_urls ?? [];
  if (joinUrls.length === 0) {
    throw new JoineryError('ERR_INPUT_MALFORMED', '--join-url: expected at least one URL, found none', {
      hint: `give --join-url, or set join_urls of cluster ${cluster.name} in joinery.yaml`,
    });
  }
  const apiUrl = request.apiUrl ?? joinUrls[0];
  const pin = (purpose: Purpose): JsonObject => {
    const { manifest, digest } = active[purpose].signed;
    const { trust_bundle_version: version, sha256_fingerprint } = manifest;
    const path = request.trustPaths?.[purpose] ?? defaultBundlePath(directory, purpose);
    return { version, manifest_digest: digest, sha256_fingerprint, path };
  };
  const document: JsonObject = {
    schema: 'joinery/onboarding/1',
    created_at: formatInstant(realm.clock.now()),
    environment: realm.config.environment,
    cluster: cluster.name,
    role: request.role,
    node,
    api_url: apiUrl,
    join_urls: joinUrls,
    env_prefix: request.envPrefix ?? DEFAULT_ENV_PREFIX,
    directory,
    trust: Object.fromEntries(PURPOSES.map((purpose) => [purpose, pin(purpose)])),
    trust_url: trust === 'url' ? apiUrl : undefined,
    token_delivery: tokenDelivery === 'embedded' ? undefined : tokenDelivery,
    agent,
    agent_path: request.agentPath,
    service: request.service,
    owner: request.owner,
    file_mode: request.fileMode,
    system_trust_store: request.systemTrustStore === true ? 'control-plane-https' : undefined,
  };
  return parseOnboarding(document, 'package');
}

function seedPeersOf(realm: Realm, cluster: ClusterConfig, { seedPeers }: PackageRequest): SeedPeers {
  const document = {
    schema: 'joinery/seed-peers/1',
    cluster: cluster.name,
    // A later list replaces an earlier one: the second in which it was made is a number that only grows.
    version: realm.clock.now(),
    peers: seedPeers?.map((address) => ({ address })) ?? cluster.seed_peers ?? [],
  };
  return parseSeedPeers(document, '--seed-peer');
}

async function userParts(
  { parts = [], format }: PackageRequest,
  onboarding: Onboarding,
  { parseYaml }: PackageWorld,
): Promise<Pick<PackageModel, 'parts'>> {
  if (parts.length === 0) return {};
  if (format !== 'multipart') throw new JoineryError('ERR_PACKAGE_PART', '--part: expected --format multipart, found another format');
  const read = parts.map(({ name, bytes }) => userPart(name, bytes));
  const twice = read.find(({ name }, index) => read.findIndex((part) => part.name === name) !== index);
  if (twice !== undefined) throw new JoineryError('ERR_PACKAGE_PART', `--part ${twice.name}: expected each name once, found it twice`);
  for (const part of read) {
    if (part.type === 'text/cloud-config') assertPart(part, await parseYaml(decodeUtf8(part.bytes, part.name), part.name), onboarding);
  }
  return { parts: read };
}

function assetsOf(onboarding: Onboarding, { binary }: PackageRequest, { trustCheck, agentTemplates: templates }: PackageWorld): NodeAssets {
  const check = utf8(compact(decodeUtf8(trustCheck, 'templates/trust-check.sh')));
  return { trustCheck: check, agent: agentContents(onboarding, { templates, ...(binary !== undefined && { binary }) }) };
}

function urlOverrideOf(onboarding: Onboarding, reason: string | undefined): UrlOverride | undefined {
  const urls = urlsAt(onboarding, 'outside');
  return reason === undefined || urls.length === 0 ? undefined : { reason, urls };
}

/** @throws ERR_PACKAGE_TOKEN */
function tokenRequestOf(realm: Realm, request: PackageRequest): TokenRequest | undefined {
  const { cluster, role, node, ttl, maxUses = 1, tokenDelivery, tokenAllowance } = request;
  if (tokenDelivery === 'none') return undefined;
  const now = realm.clock.now();
  assertToken({ maxUses, issuedAt: now, expiresAt: plus(now, ttl ?? DEFAULT_TOKEN_TTL) }, tokenAllowance);
  return { clusters: [cluster], role, maxUses, ...(node !== undefined && { node }), ...(ttl !== undefined && { ttl }) };
}

/** One of the signers that the first trust names, whose key is in this realm. */
export async function openPackageSigner(realm: Realm, active: ActiveTrust): Promise<SigningKey> {
  const { value } = await findSigners(realm, 'control-plane-https');
  const { signers } = active['control-plane-https'].signed.manifest;
  const [key] = await openSigners(realm, value, [{ signers, min_signatures: 1 }]);
  return key as SigningKey;
}

/** The input with its token, in the package or beside it. */
export function withToken(input: AssembleInput, token: Secret | undefined): AssembleInput {
  if (token === undefined) return input;
  const { model } = input;
  return model.onboarding.token_delivery === undefined ? { ...input, model: { ...model, token } } : { ...input, besideToken: token };
}

function warningsOf(onboarding: Onboarding, urlOverride: UrlOverride | undefined): readonly string[] {
  const { environment, owner } = onboarding;
  const { domain } = environment;
  const beside = urlsAt(onboarding, 'beside');
  return [
    ...(beside.length > 0 ? [`${beside.join(', ')}: beside the domain of the environment (${domain}), not in it`] : []),
    ...(urlOverride === undefined ? [] : [`${urlOverride.urls.join(', ')}: outside ${domain}; the reason is recorded in the package`]),
    ...(owner === undefined ? [] : [`${owner} will own the files on the node, and can change what the node trusts`]),
  ];
}
