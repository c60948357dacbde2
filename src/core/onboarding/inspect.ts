/** Reads rendered user-data back into the model that it says, and refuses all that joinery would not have rendered. */
import { canonicalJson, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, fromBase64 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { array, object, oneOf, type Parsed, parseDocument, record, string } from '../parse.ts';
import { Secret } from '../secret.ts';
import { parseChain, type TrustVersion } from '../trust/chain.ts';
import { type Purpose, PURPOSES } from '../trust/purpose.ts';
import { bootCommands, CLOUD_CONFIG_HEADER, MERGE_HOW, renderCloudConfig, runCommands } from './cloud-config.ts';
import { environmentOf, parseEnvFile } from './env-file.ts';
import { NODE_FILE_OWNER, type NodeFile, trustState } from './files.ts';
import { nodeFileModes, nodeLayout, ONBOARDING_FILE, type NodeLayout } from './layout.ts';
import { isTokenText, type Onboarding, type PackageModel, parseOnboarding, parseSeedPeers, type TrustPart } from './model.ts';
import { nodePath } from './values.ts';

const WHAT = 'user-data';
/** vSphere's limit is the largest that is documented (limits.ts); nothing bigger is ever rendered for a node. */
export const MAX_USER_DATA_BYTES = 524288;

const commands = array(array(string({ maxLength: 4096 }), { maxItems: 100 }), { maxItems: 10 });
const cloudConfig = object({
  bootcmd: commands,
  write_files: array(
    object({
      path: nodePath(),
      owner: oneOf([NODE_FILE_OWNER]),
      permissions: oneOf(['0600', '0644', '0755']),
      encoding: oneOf(['b64']),
      content: string({ maxLength: MAX_USER_DATA_BYTES }),
    }),
    { maxItems: 100 },
  ),
  runcmd: commands,
  merge_how: array(record({ schema: {}, read: (value) => value as JsonValue }), { maxItems: 10 }),
});

export interface Inspection {
  readonly model: PackageModel;
  /** Every file that the user-data writes, in its order. */
  readonly files: readonly NodeFile[];
}

/** @throws ERR_PACKAGE_MALFORMED, ERR_INPUT_TOO_LARGE: the text is not user-data that joinery rendered. */
export function inspectUserData(text: string): Inspection {
  const body = parseBody(text);
  const files = body.write_files.map(readFile);
  const byPath = new Map(files.map((file) => [file.path, file]));
  if (byPath.size !== files.length) throw malformed('write_files', 'each path once', 'a path twice');
  const model = readModel(byPath);
  checkCommands(body, model.onboarding);
  return { model, files };
}

function malformed(where: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_MALFORMED', `${WHAT}, ${where}: expected ${expected}, found ${found}`);
}

function parseBody(text: string): Parsed<typeof cloudConfig> {
  if (!text.startsWith(CLOUD_CONFIG_HEADER)) throw malformed('line 1', '#cloud-config', 'something else');
  const json = parseStrictJson(text.slice(CLOUD_CONFIG_HEADER.length), WHAT, { maxLength: MAX_USER_DATA_BYTES, maxDepth: 8 });
  return parseDocument(cloudConfig, json, WHAT, 'ERR_PACKAGE_MALFORMED');
}

function readFile(entry: Parsed<typeof cloudConfig>['write_files'][number]): NodeFile {
  return {
    path: entry.path,
    owner: entry.owner,
    mode: Number.parseInt(entry.permissions, 8),
    bytes: fromBase64(entry.content, entry.path),
  };
}

type FilesByPath = ReadonlyMap<string, NodeFile>;

function readModel(files: FilesByPath): PackageModel {
  const onboarding = readOnboarding(files);
  const layout = nodeLayout(onboarding);
  checkPaths(files, layout);
  const token = readToken(files, layout);
  const trust = Object.fromEntries(PURPOSES.map((purpose) => [purpose, readTrust(files, layout, purpose)])) as PackageModel['trust'];
  const seedPeers = parseSeedPeers(jsonOf(files, layout.seedPeers), layout.seedPeers);
  checkDerived(files, layout, onboarding, token !== undefined);
  return { onboarding, trust, seedPeers, ...(token !== undefined && { token }) };
}

function readOnboarding(files: FilesByPath): Onboarding {
  const [path, ...more] = [...files.keys()].filter((candidate) => candidate.endsWith(`/${ONBOARDING_FILE}`));
  if (path === undefined || more.length > 0)
    throw malformed('write_files', `one ${ONBOARDING_FILE}`, path === undefined ? 'none' : 'several');
  const onboarding = parseOnboarding(jsonOf(files, path), path);
  if (nodeLayout(onboarding).onboarding !== path) throw malformed(path, `it in ${onboarding.directory}`, 'it elsewhere');
  return onboarding;
}

function checkPaths(files: FilesByPath, layout: NodeLayout): void {
  const modes = new Map(nodeFileModes(layout));
  for (const path of modes.keys()) {
    if (!files.has(path) && path !== layout.token) throw malformed('write_files', `the file ${path}`, 'none');
  }
  for (const file of files.values()) {
    if (modes.get(file.path) !== file.mode)
      throw malformed(file.path, 'a file of the node directory with its mode', 'another path or mode');
  }
}

function textOf(files: FilesByPath, path: string): string {
  return decodeUtf8((files.get(path) as NodeFile).bytes, path);
}

function jsonOf(files: FilesByPath, path: string): JsonValue {
  return parseStrictJson(textOf(files, path), path);
}

function readTrust(files: FilesByPath, layout: NodeLayout, purpose: Purpose): TrustPart {
  const path = layout.manifests[purpose];
  const [signed, ...more] = parseChain(jsonOf(files, path), path) as readonly [TrustVersion, ...TrustVersion[]];
  if (more.length > 0) throw malformed(path, 'one version', 'several');
  return { bundlePem: textOf(files, layout.bundles[purpose]), signed };
}

function readToken(files: FilesByPath, layout: NodeLayout): Secret | undefined {
  if (!files.has(layout.token)) return undefined;
  const token = textOf(files, layout.token);
  if (!isTokenText(token)) throw malformed(layout.token, 'a token of printable characters', 'something else');
  return new Secret(token);
}

/** The files that only repeat the model must repeat it truly: two readers of one package must not see two things. */
function checkDerived(files: FilesByPath, layout: NodeLayout, onboarding: Onboarding, withToken: boolean): void {
  const environment = parseEnvFile(textOf(files, layout.environment), layout.environment);
  const expected = environmentOf(onboarding, withToken);
  const same = environment.size === expected.size && [...expected].every(([key, value]) => environment.get(key) === value);
  if (!same) throw malformed(layout.environment, `the values of ${ONBOARDING_FILE}`, 'other values');
  if (canonicalJson(jsonOf(files, layout.trustState)) !== canonicalJson(trustState(onboarding))) {
    throw malformed(layout.trustState, `the versions of ${ONBOARDING_FILE}`, 'others');
  }
}

/** These run as root: none may be added, dropped or changed. */
function checkCommands(body: Parsed<typeof cloudConfig>, onboarding: Onboarding): void {
  const found = [body.bootcmd, body.runcmd, body.merge_how] as const;
  const expected = [bootCommands(onboarding), runCommands(onboarding), MERGE_HOW] as const;
  for (const [index, member] of ['bootcmd', 'runcmd', 'merge_how'].entries()) {
    if (JSON.stringify(found[index]) !== JSON.stringify(expected[index])) throw malformed(member, 'the commands of this package', 'others');
  }
}

/**
 * Renders, and proves the text by reading it back: a package whose text says anything else than its model is never written.
 * @throws ERR_PACKAGE_UNFAITHFUL
 */
export function renderInspected(model: PackageModel, trustCheck: Uint8Array, render = renderCloudConfig): string {
  const text = render(model, trustCheck);
  const back = inspectUserData(text);
  if (fullText(back.model) !== fullText(model)) {
    throw new JoineryError('ERR_PACKAGE_UNFAITHFUL', `${WHAT}: expected to read back the model that was rendered, found another`);
  }
  return text;
}

/** The model with its secret, for comparison only. */
function fullText(model: PackageModel): string {
  const { onboarding, trust, seedPeers, token } = model;
  const parts = PURPOSES.map((purpose) => [trust[purpose].bundlePem, trust[purpose].signed] as const);
  return canonicalJson([onboarding, parts, seedPeers, token === undefined ? null : token.reveal()]);
}
