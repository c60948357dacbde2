/**
 * Packages that differ in node and token only: what they share is planned, encoded and looked at once. Equal, byte for byte, to rendering
 * each on its own.
 */
import { canonicalJson } from '../canonical-json.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { environmentOf, renderEnvFile } from './env-file.ts';
import { jsonFile, type NodeAssets, type NodeFile, type NodePlan, nodePlan } from './files.ts';
import type { Artifact } from './formats/artifact.ts';
import { cloudConfigText } from './formats/cloud-config.ts';
import { FORMAT_TABLE, type FormatName } from './formats/table.ts';
import { inspectArtifacts } from './inspect.ts';
import { nodeLayout } from './layout.ts';
import type { Onboarding, PackageModel } from './model.ts';

/** @param token the one that the package brings; none where it goes another way. */
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

/**
 * Cloud-config cut where node and token stand: neither holds anything that JSON escapes.
 * @returns undefined where some text of the model holds a mark itself: then each is rendered on its own.
 */
function templateOf(model: PackageModel, assets: NodeAssets): ((node: string, token: Secret | undefined) => Uint8Array) | undefined {
  const { onboarding, token } = model;
  const marked = {
    ...model,
    onboarding: { ...onboarding, node: NODE_MARK },
    ...(token !== undefined && { token: new Secret(TOKEN_MARK) }),
  };
  const text = cloudConfigText(nodePlan(marked, assets));
  const pieces = text.split(/<joinery-batch-(?:node|token)>/).map((piece) => Buffer.from(piece, 'latin1'));
  // The node in two files, and the token in one.
  if (pieces.length !== (token === undefined ? 3 : 4)) return undefined;
  const constant = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return (node, given) => {
    const values = [node, node, given?.reveal() ?? ''];
    const out = Buffer.allocUnsafe(constant + values.reduce((sum, value) => sum + value.length, 0));
    let at = 0;
    for (const [index, piece] of pieces.entries()) {
      out.set(piece, at);
      at += piece.length;
      at += out.write(values[index] ?? '', at, 'latin1');
    }
    return out;
  };
}
