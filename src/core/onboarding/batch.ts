/**
 * Packages that differ in node and token only: what they share is planned, encoded and looked at once. Equal, byte for byte, to rendering
 * each on its own.
 */
import { canonicalJson } from '../canonical-json.ts';
import { digestAfter } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { assertInternal, JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { environmentOf, renderEnvFile } from './env-file.ts';
import { jsonFile, type NodeAssets, type NodeFile, type NodePlan, nodePlan } from './files.ts';
import type { Artifact, Digested } from './formats/artifact.ts';
import { cloudConfigText } from './formats/cloud-config.ts';
import { FORMAT_TABLE, type FormatName } from './formats/table.ts';
import { inspectArtifacts } from './inspect.ts';
import { nodeLayout } from './layout.ts';
import type { Onboarding, PackageModel } from './model.ts';

/**
 * @param token the one that the package brings; none where it goes another way.
 * @returns files whose bytes hold until the next call.
 */
export type BatchRenderer = (node: string, token: Secret | undefined) => readonly Artifact[];

/** @param model of any of the nodes, with its token where packages bring one. */
export function batchRenderer(format: FormatName, model: PackageModel, assets: NodeAssets): BatchRenderer {
  const plan = nodePlan(model, assets);
  const changing = changingFiles(model);
  const { encode, wrap } = FORMAT_TABLE[format];
  const text = wrap && templateOf(model, assets);
  return (node, token) => {
    const onboarding = { ...model.onboarding, node };
    // Formats that wrap cloud-config need of the plan only what names the node.
    if (wrap !== undefined && text !== undefined) return wrap(text(node, token), { ...plan, onboarding });
    return encode(filled({ ...plan, onboarding }, changing({ onboarding, ...(token !== undefined && { token }) })));
  };
}

/**
 * One of many is read back: each is the same computation on other names.
 * @throws ERR_PACKAGE_UNFAITHFUL, ERR_PACKAGE_MALFORMED
 */
export function assertFaithful(
  format: FormatName,
  onboarding: Onboarding,
  token: Secret | undefined,
  artifacts: readonly Artifact[],
): void {
  const back = inspectArtifacts(format, new Map(artifacts.map(({ path, bytes }) => [path, bytes]))).model;
  if (canonicalJson(back.onboarding) === canonicalJson(onboarding) && back.token?.reveal() === token?.reveal()) return;
  throw new JoineryError('ERR_PACKAGE_UNFAITHFUL', `${format}: expected to read back the node that was rendered, found another`);
}

type Contents = ReadonlyMap<string, Uint8Array>;

/** The files that name the node or hold its token, in the order of their paths. */
function changingFiles({ onboarding: first }: PackageModel): (model: Pick<PackageModel, 'onboarding' | 'token'>) => Contents {
  const layout = nodeLayout(first);
  return ({ onboarding, token }) => {
    const contents: [string, Uint8Array][] = [
      [layout.environment, utf8(renderEnvFile(environmentOf(onboarding)))],
      [layout.onboarding, jsonFile(onboarding)],
    ];
    if (token !== undefined) contents.push([layout.token, Buffer.from(token.reveal(), 'latin1')]);
    return new Map(contents);
  };
}

function filled(plan: NodePlan, contents: Contents): NodePlan {
  const files = plan.files.map((file): NodeFile => {
    const bytes = contents.get(file.path);
    return bytes === undefined ? file : { ...file, bytes };
  });
  return { ...plan, files };
}

/** No name holds these, so what they stand for is all that they mark. */
const NODE_MARK = '<joinery-batch-node>';
const TOKEN_MARK = '<joinery-batch-token>';
/** A name twice and a token, as long as they may be (names.ts, model.ts). */
const MAX_VALUES = 2 * 63 + 8192;

/** @returns bytes that hold until the next is asked for: there is one buffer, in which what all share stands already. */
type Template = (node: string, token: Secret | undefined) => Digested;

/**
 * Cloud-config cut where node and token stand: neither holds anything that JSON escapes. What stands before the first of them, nearly all,
 * is written, and hashed, once.
 * @returns undefined where some text of the model holds a mark itself: then each is rendered on its own.
 */
function templateOf(model: PackageModel, assets: NodeAssets): Template | undefined {
  const { onboarding, token } = model;
  const marked = {
    ...model,
    onboarding: { ...onboarding, node: NODE_MARK },
    ...(token !== undefined && { token: new Secret(TOKEN_MARK) }),
  };
  const [head, ...rest] = cloudConfigText(nodePlan(marked, assets))
    .split(/<joinery-batch-(?:node|token)>/)
    .map((piece) => Buffer.from(piece, 'latin1')) as [Buffer, ...Buffer[]];
  // The node in two files, and the token in one.
  if (rest.length !== (token === undefined ? 2 : 3)) return undefined;
  const buffer = Buffer.concat([head, ...rest, Buffer.alloc(MAX_VALUES)]);
  const start = head.length;
  const digest = digestAfter(head);
  return (node, given) => {
    const values = [node, node, given?.reveal() ?? ''];
    let end = start;
    for (const [index, piece] of rest.entries()) {
      const value = values[index] as string;
      const written = buffer.write(value, end, 'latin1');
      assertInternal(written === value.length && end + written + piece.length <= buffer.length, 'a name or a token is too long');
      buffer.set(piece, end + written);
      end += written + piece.length;
    }
    return { bytes: buffer.subarray(0, end), sha256: digest(buffer.subarray(start, end)) };
  };
}
