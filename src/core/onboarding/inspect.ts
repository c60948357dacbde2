/** Reads a rendered package back into the model that it says, and refuses all that joinery would not have rendered. */
import { canonicalJson, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, equalBytes } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { parseChain, type TrustVersion } from '../trust/chain.ts';
import { type Purpose, PURPOSES } from '../trust/purpose.ts';
import { agentFileModes } from './agent-files.ts';
import { parseEnvFile } from './env-file.ts';
import { type NodeAssets, type NodeFile, nodePlan } from './files.ts';
import { type Artifact, malformed } from './formats/artifact.ts';
import { FORMAT_TABLE, type FormatName } from './formats/table.ts';
import { nodeFileModes, nodeLayout, ONBOARDING_FILE, type NodeLayout } from './layout.ts';
import {
  isTokenText,
  type Onboarding,
  type PackageModel,
  parseOnboarding,
  parseSeedPeers,
  type TrustPart,
  type TrustParts,
  type UserPart,
} from './model.ts';

export interface Inspection {
  readonly format: FormatName;
  readonly model: PackageModel;
  /** Every file that the package writes on the node, in its order. */
  readonly files: readonly NodeFile[];
}

/**
 * @param artifacts by path, uncompressed.
 * @throws ERR_PACKAGE_MALFORMED, ERR_INPUT_TOO_LARGE: not what joinery renders.
 */
export function inspectArtifacts(format: FormatName, artifacts: ReadonlyMap<string, Uint8Array>): Inspection {
  const { decode, encode } = FORMAT_TABLE[format];
  const { files, parts = [] } = decode(artifacts);
  const byPath = new Map(files.map((file) => [file.path, file]));
  if (byPath.size !== files.length) throw malformed(format, 'each path once', 'a path twice');
  const model = readModel(byPath, format, parts);
  const plan = nodePlan(model, assetsOf(model.onboarding, byPath));
  const told = plan.files.find((file) => byPath.has(file.path) && !equalBytes(file.bytes, (byPath.get(file.path) as NodeFile).bytes));
  // The files that only repeat the model must repeat it truly: two readers of one package must not see two things.
  if (told !== undefined) throw malformed(told.path, `the content that follows from ${ONBOARDING_FILE}`, 'another');
  for (const { path, bytes } of encode(plan)) {
    // A user-data file alone is a part of a seed that can be looked at.
    const found = artifacts.get(path);
    if (found !== undefined && !equalBytes(found, bytes)) throw malformed(path, 'the bytes that joinery writes for these files', 'others');
  }
  return { format, model, files };
}

type FilesByPath = ReadonlyMap<string, NodeFile>;

function readModel(files: FilesByPath, format: FormatName, parts: readonly UserPart[]): PackageModel {
  const onboarding = readOnboarding(files, format);
  const layout = nodeLayout(onboarding);
  checkPaths(files, onboarding, format);
  const token = onboarding.token_delivery === undefined ? readToken(files, layout) : undefined;
  const seedPeers = parseSeedPeers(jsonOf(files, layout.seedPeers), layout.seedPeers);
  parseEnvFile(textOf(files, layout.environment), layout.environment);
  return {
    onboarding,
    ...(onboarding.trust_url === undefined && { trust: readBundles(files, layout) }),
    seedPeers,
    ...(token !== undefined && { token }),
    ...(parts.length > 0 && { parts }),
  };
}

function readBundles(files: FilesByPath, layout: NodeLayout): TrustParts {
  const part = (purpose: Purpose): TrustPart => ({
    bundlePem: textOf(files, layout.bundles[purpose]),
    signed: readTrustFile(textOf(files, layout.manifests[purpose]), layout.manifests[purpose]),
  });
  return { 'control-plane-https': part('control-plane-https'), 'node-cert-lifecycle': part('node-cert-lifecycle') };
}

/** The one version of a manifest file. @throws ERR_TRUST_ENVELOPE_MALFORMED, ERR_PACKAGE_MALFORMED and the errors of strict JSON */
export function readTrustFile(text: string, what: string): TrustVersion {
  const [signed, ...more] = parseChain(parseStrictJson(text, what), what) as readonly [TrustVersion, ...TrustVersion[]];
  if (more.length > 0) throw malformed(what, 'one version', 'several');
  return signed;
}

function readOnboarding(files: FilesByPath, format: FormatName): Onboarding {
  const [path, ...more] = [...files.keys()].filter((candidate) => candidate.endsWith(`/${ONBOARDING_FILE}`));
  if (path === undefined || more.length > 0) throw malformed(format, `one ${ONBOARDING_FILE}`, path === undefined ? 'none' : 'several');
  const onboarding = parseOnboarding(jsonOf(files, path), path);
  if (nodeLayout(onboarding).onboarding !== path) throw malformed(path, `it in ${onboarding.directory}`, 'it elsewhere');
  return onboarding;
}

/** Owners and the order follow from rendering again. */
function checkPaths(files: FilesByPath, onboarding: Onboarding, format: FormatName): void {
  const anchors = onboarding.system_trust_store === undefined ? 0 : files.size - nodeFileModes(onboarding).size;
  const modes = nodeFileModes(onboarding, Math.max(0, anchors));
  for (const path of modes.keys()) if (!files.has(path)) throw malformed(format, `the file ${path}`, 'none');
  for (const file of files.values()) {
    if (modes.get(file.path) !== file.mode)
      throw malformed(file.path, 'a file of the node directory with its mode', 'another path or mode');
  }
}

/** Programs are carried as they are: a signature says whose they are, not this reader. */
function assetsOf(onboarding: Onboarding, files: FilesByPath): NodeAssets {
  const bytesOf = (path: string) => (files.get(path) as NodeFile).bytes;
  const agent = agentFileModes(onboarding).map(([path]) => [path, bytesOf(path)] as const);
  return { trustCheck: bytesOf(nodeLayout(onboarding).trustCheck), agent: new Map(agent) };
}

function textOf(files: FilesByPath, path: string): string {
  return decodeUtf8((files.get(path) as NodeFile).bytes, path);
}

function jsonOf(files: FilesByPath, path: string): JsonValue {
  return parseStrictJson(textOf(files, path), path);
}

function readToken(files: FilesByPath, layout: NodeLayout): Secret {
  const token = textOf(files, layout.token);
  if (!isTokenText(token)) throw malformed(layout.token, 'a token of printable characters', 'something else');
  return new Secret(token);
}

/**
 * Renders, and proves the files by reading them back: a package that says anything else than its model is never written.
 * @throws ERR_PACKAGE_UNFAITHFUL, ERR_PACKAGE_SIZE
 */
export function renderInspected(format: FormatName, model: PackageModel, assets: NodeAssets, table = FORMAT_TABLE): readonly Artifact[] {
  const { encode, maxBytes } = table[format];
  const artifacts = encode(nodePlan(model, assets));
  const large = artifacts.find(({ bytes }) => bytes.length > maxBytes);
  if (large !== undefined) {
    throw new JoineryError('ERR_PACKAGE_SIZE', `${large.path}: expected at most ${maxBytes} bytes, found ${large.bytes.length}`, {
      hint: 'an executable fits into --format tar or shell; or have it in the image and give --agent-path',
    });
  }
  const back = inspectArtifacts(format, new Map(artifacts.map(({ path, bytes }) => [path, bytes])));
  if (fullText(back.model) !== fullText(model)) {
    throw new JoineryError('ERR_PACKAGE_UNFAITHFUL', `${format}: expected to read back the model that was rendered, found another`);
  }
  return artifacts;
}

/** The model with its secret, for comparison only. */
function fullText({ onboarding, trust, seedPeers, token, parts }: PackageModel): string {
  const trusted = PURPOSES.map((purpose) => (trust === undefined ? null : ([trust[purpose].bundlePem, trust[purpose].signed] as const)));
  const own = (parts ?? []).map(({ name, type, bytes }) => [name, type, Buffer.from(bytes).toString('base64')]);
  return canonicalJson([onboarding, trusted, seedPeers, token?.reveal() ?? null, own]);
}
