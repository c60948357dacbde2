/** What a node directory says of where the node belongs: `onboarding.json`, from a package or from an earlier join. */
import { canonicalJson, type JsonObject, parseStrictJson } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { JoinReply } from '../core/join/messages.ts';
import { environmentOf, renderEnvFile } from '../core/onboarding/env-file.ts';
import { jsonFile } from '../core/onboarding/files.ts';
import { defaultBundlePath, nodeLayout, ONBOARDING_FILE } from '../core/onboarding/layout.ts';
import { DEFAULT_ENV_PREFIX, type Onboarding, parseOnboarding, type TrustPin } from '../core/onboarding/model.ts';
import { formatInstant } from '../core/time.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { NodeTrust } from '../core/trust/walk.ts';
import { type NodeWorld, readNodeState, readNodeTrust } from './node-trust.ts';

const MAX_ONBOARDING = 1024 * 1024;

/**
 * @returns undefined where there is none: the node joins by its token alone.
 * @throws ERR_PACKAGE_MALFORMED, ERR_NODE_DIRECTORY for one that was made for another directory
 */
export async function readOnboarding({ files }: Pick<NodeWorld, 'files'>, directory: string): Promise<Onboarding | undefined> {
  const path = `${directory}/${ONBOARDING_FILE}`;
  if ((await files.stat(path)) === undefined) return undefined;
  const onboarding = parseOnboarding(parseStrictJson(decodeUtf8(await files.read(path, MAX_ONBOARDING), path), path), path);
  if (onboarding.directory === directory) return onboarding;
  throw new JoineryError('ERR_NODE_DIRECTORY', `${path}: directory: expected ${directory}, found ${onboarding.directory}`, {
    hint: 'its paths are of the other directory: name that one, or render the package with --node-dir',
  });
}

export interface Joined {
  readonly reply: JoinReply;
  readonly urls: readonly string[];
  readonly node: string | undefined;
}

/**
 * Writes `onboarding.json` and `joinery.env` of a node that joined without a package, so that renewal, services and the shell agent
 * find what a package would have told them. What a package has written stays.
 * @throws ERR_PACKAGE_MALFORMED for a directory or URL of another form, ERR_FILE_*
 */
export async function writeOnboarding(world: NodeWorld, directory: string, joined: Joined): Promise<void> {
  const { files } = world;
  const path = `${directory}/${ONBOARDING_FILE}`;
  if ((await files.stat(path)) !== undefined) return;
  const onboarding = await onboardingOf(world, directory, joined);
  await files.replace(nodeLayout(onboarding).environment, utf8(renderEnvFile(environmentOf(onboarding))), 0o644);
  // Last: a run that was killed before it writes both again.
  await files.replace(path, jsonFile(onboarding as unknown as JsonObject), 0o644);
}

async function onboardingOf(world: NodeWorld, directory: string, { reply, urls, node }: Joined): Promise<Onboarding> {
  const statePath = `${directory}/trust/state.json`;
  const state = await readNodeState(world, statePath);
  const pins: Partial<Record<Purpose, TrustPin>> = {};
  let environment: JsonObject = {};
  for (const purpose of PURPOSES) {
    // An installed identity has brought both.
    const trust = (await readNodeTrust(world, state, purpose, statePath)) as NodeTrust;
    const { manifest, digest } = trust.held.signed;
    environment = { name: manifest.environment_name, domain: manifest.environment_domain };
    pins[purpose] = {
      version: manifest.trust_bundle_version,
      manifest_digest: digest as Digest,
      sha256_fingerprint: manifest.sha256_fingerprint,
      path: defaultBundlePath(directory, purpose),
    };
  }
  return onboardingDocument(world, directory, { urls, cluster: reply.cluster, role: reply.role, node, environment, pins });
}

interface Facts {
  readonly urls: readonly string[];
  readonly cluster: string;
  readonly role: string;
  readonly node: string | undefined;
  readonly environment: JsonObject;
  readonly pins: Partial<Record<Purpose, TrustPin>>;
}

function onboardingDocument({ clock }: NodeWorld, directory: string, facts: Facts): Onboarding {
  const { urls, cluster, role, node, environment, pins } = facts;
  const document = {
    schema: 'joinery/onboarding/1',
    created_at: formatInstant(clock.now()),
    environment,
    cluster,
    role,
    ...(node !== undefined && { node }),
    api_url: urls[0],
    join_urls: urls,
    env_prefix: DEFAULT_ENV_PREFIX,
    directory,
    trust: pins,
    token_delivery: 'none',
  };
  // Parsed as it will be read: nothing is written that the next run refuses.
  return parseOnboarding(parseStrictJson(canonicalJson(document as unknown as JsonObject), ONBOARDING_FILE), ONBOARDING_FILE);
}

/** Refuses before the join what could not be written after it. @throws ERR_PACKAGE_MALFORMED */
export function assertWritableSettings(world: NodeWorld, directory: string, urls: readonly string[]): void {
  const pin = (purpose: Purpose): TrustPin => ({
    version: 1,
    manifest_digest: '0'.repeat(64) as Digest,
    sha256_fingerprint: '0'.repeat(64) as Digest,
    path: defaultBundlePath(directory, purpose),
  });
  const pins = { 'control-plane-https': pin('control-plane-https'), 'node-cert-lifecycle': pin('node-cert-lifecycle') };
  onboardingDocument(world, directory, { urls, cluster: 'c', role: 'r', node: undefined, environment: { name: 'e', domain: 'e' }, pins });
}
