import type { JsonObject } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { assemblePackage, type UnsignedPackage } from '../core/onboarding/assemble.ts';
import { defaultBundlePath } from '../core/onboarding/layout.ts';
import { userDataSize, type UserDataSize } from '../core/onboarding/limits.ts';
import { type PackageManifest, sealPackage, type UrlOverride } from '../core/onboarding/manifest.ts';
import {
  DEFAULT_ENV_PREFIX,
  DEFAULT_NODE_DIRECTORY,
  type Onboarding,
  type PackageModel,
  parseOnboarding,
} from '../core/onboarding/model.ts';
import { assertPaths, assertToken, assertUrls, urlsAt } from '../core/onboarding/rules.ts';
import { checkPackageToken } from '../core/onboarding/token.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { StageDirectory } from '../core/ports.ts';
import { assertRole, type ClusterConfig, clusterOf } from '../core/realm/config.ts';
import { formatInstant, plus, type Seconds } from '../core/time.ts';
import { DEFAULT_TOKEN_TTL } from '../core/token/mint.ts';
import { type Envelope, signEnvelope } from '../core/trust/envelope.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { assertNotExpired } from '../core/trust/transition.ts';
import { mintToken } from './mint-token.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { findSigners, readActive, type StoredVersion } from './trust-records.ts';
import { openSigners } from './trust-signers.ts';

export interface RenderPackageInput {
  readonly cluster: string;
  readonly role: string;
  /** Default: those of the cluster in the configuration. */
  readonly joinUrls?: readonly string[];
  /** The one node that may use the package. */
  readonly node?: string;
  /** Life of the token. */
  readonly ttl?: Seconds;
  /** Directory that must not exist yet. */
  readonly out: string;
  readonly envPrefix?: string;
  /** The node directory. */
  readonly nodeDirectory?: string;
  /** Why a URL outside the environment's domain is right; recorded in the package. */
  readonly urlOutsideReason?: string;
}

/** What rendering needs of the world beyond the realm. */
export interface PackageWorld {
  readonly stageDirectory: StageDirectory;
  /** The script of `templates/trust-check.sh`. */
  readonly trustCheck: Uint8Array;
}

export interface RenderPackageResult {
  readonly out: string;
  readonly manifest: PackageManifest;
  /** Digest of the first trust, to be told to the receiver by another way. */
  readonly trustDigest: Digest;
  readonly size: UserDataSize;
  readonly warnings: readonly string[];
}

type ActiveTrust = Readonly<Record<Purpose, StoredVersion & { readonly activation: Envelope }>>;

/**
 * Mints a single-use token, renders the package around the active trust, reads it back, signs it and writes it in one step.
 *
 * Order: what can be refused without a key is refused first; the passphrase is asked for before a token exists; the token and the
 * audit record are committed before the package can be seen. A crash in between leaves a token that nobody has, and no package.
 *
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_FILE_EXISTS, ERR_PACKAGE_* , ERR_TRUST_EXPIRED and what minting throws.
 */
export async function renderPackage(realm: Realm, input: RenderPackageInput, world: PackageWorld): Promise<RenderPackageResult> {
  const cluster = clusterOf(realm.config, input.cluster);
  assertRole(cluster, input.role);
  await assertFree(realm, input.out);
  const trust = await activeTrust(realm);
  const onboarding = describeOnboarding(realm, cluster, trust, input);
  const urlOverride = urlOverrideOf(onboarding, input.urlOutsideReason);
  refuseEarly(realm, onboarding, urlOverride, input);
  const signer = await openPackageSigner(realm, trust);
  const model = await modelOf(realm, cluster, trust, onboarding, input);
  const unsigned = assemblePackage(model, world.trustCheck, urlOverride);
  checkPackageToken(model, realm.clock.now());
  await write(realm, input.out, unsigned, signer, world);
  const size = userDataSize((unsigned.files[0] as { bytes: Uint8Array }).bytes.length);
  const trustDigest = trust['control-plane-https'].signed.digest;
  return { out: input.out, manifest: unsigned.manifest, trustDigest, size, warnings: warningsOf(onboarding, urlOverride) };
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

function describeOnboarding(realm: Realm, cluster: ClusterConfig, trust: ActiveTrust, input: RenderPackageInput): Onboarding {
  const directory = input.nodeDirectory ?? DEFAULT_NODE_DIRECTORY;
  const joinUrls = input.joinUrls ?? cluster.join_urls ?? [];
  if (joinUrls.length === 0) {
    throw new JoineryError('ERR_INPUT_MALFORMED', '--join-url: expected at least one URL, found none', {
      hint: `give --join-url, or set join_urls of cluster ${cluster.name} in joinery.yaml`,
    });
  }
  const pin = (purpose: Purpose): JsonObject => {
    const { manifest, digest } = trust[purpose].signed;
    const { trust_bundle_version: version, sha256_fingerprint } = manifest;
    return { version, manifest_digest: digest, sha256_fingerprint, path: defaultBundlePath(directory, purpose) };
  };
  const document: JsonObject = {
    schema: 'joinery/onboarding/1',
    created_at: formatInstant(realm.clock.now()),
    environment: realm.config.environment,
    cluster: cluster.name,
    role: input.role,
    node: input.node,
    api_url: joinUrls[0],
    join_urls: joinUrls,
    env_prefix: input.envPrefix ?? DEFAULT_ENV_PREFIX,
    directory,
    trust: Object.fromEntries(PURPOSES.map((purpose) => [purpose, pin(purpose)])),
  };
  return parseOnboarding(document, 'package');
}

function urlOverrideOf(onboarding: Onboarding, reason: string | undefined): UrlOverride | undefined {
  const urls = urlsAt(onboarding, 'outside');
  return reason === undefined || urls.length === 0 ? undefined : { reason, urls };
}

function refuseEarly(realm: Realm, onboarding: Onboarding, urlOverride: UrlOverride | undefined, input: RenderPackageInput): void {
  assertPaths(onboarding);
  assertUrls(onboarding, urlOverride?.urls ?? []);
  const now = realm.clock.now();
  assertToken({ maxUses: 1, issuedAt: now, expiresAt: plus(now, input.ttl ?? DEFAULT_TOKEN_TTL) });
}

/** One of the signers that the first trust names, whose key is in this realm. */
async function openPackageSigner(realm: Realm, trust: ActiveTrust): Promise<SigningKey> {
  const { value } = await findSigners(realm, 'control-plane-https');
  const { signers } = trust['control-plane-https'].signed.manifest;
  const [key] = await openSigners(realm, value, [{ signers, min_signatures: 1 }]);
  return key as SigningKey;
}

async function modelOf(
  realm: Realm,
  cluster: ClusterConfig,
  trust: ActiveTrust,
  onboarding: Onboarding,
  { role, node, ttl }: RenderPackageInput,
): Promise<PackageModel> {
  const request = { clusters: [cluster.name], role, maxUses: 1, ...(node !== undefined && { node }), ...(ttl !== undefined && { ttl }) };
  const { token } = await mintToken(realm, request);
  const part = (purpose: Purpose) => ({
    bundlePem: trust[purpose].signed.manifest.bundle_pem,
    signed: { manifest: trust[purpose].record.envelope, activation: trust[purpose].activation },
  });
  return {
    onboarding,
    trust: { 'control-plane-https': part('control-plane-https'), 'node-cert-lifecycle': part('node-cert-lifecycle') },
    seedPeers: {
      schema: 'joinery/seed-peers/1',
      cluster: cluster.name,
      // A later list replaces an earlier one: the second in which it was made is a number that only grows.
      version: realm.clock.now(),
      peers: cluster.seed_peers ?? [],
    },
    token,
  };
}

async function write(realm: Realm, out: string, unsigned: UnsignedPackage, signer: SigningKey, world: PackageWorld): Promise<void> {
  const { files, manifest } = unsigned;
  const signature = await signEnvelope(manifest, 'package+jws', [signer]);
  const staged = await world.stageDirectory(out, sealPackage(files, manifest, signature));
  try {
    await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, auditOf(manifest))] });
    await staged.publish();
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

function auditOf(manifest: PackageManifest) {
  const { cluster, role, node, token, trust, files, url_override } = manifest;
  const userData = files.find((file) => file.path === 'user-data');
  const details = { cluster, role, node, token_id: token?.id, trust, user_data_sha256: userData?.sha256, url_override } as JsonObject;
  return { event: 'package.render', subject: `${cluster}/${role}`, details } as const;
}

function warningsOf(onboarding: Onboarding, urlOverride: UrlOverride | undefined): readonly string[] {
  const { domain } = onboarding.environment;
  const beside = urlsAt(onboarding, 'beside');
  return [
    ...(beside.length > 0 ? [`${beside.join(', ')}: beside the domain of the environment (${domain}), not in it`] : []),
    ...(urlOverride === undefined ? [] : [`${urlOverride.urls.join(', ')}: outside ${domain}; the reason is recorded in the package`]),
  ];
}
