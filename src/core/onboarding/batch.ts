/**
 * Packages that differ in node and token only: what they share is planned, encoded and looked at once. Equal, byte for byte, to rendering
 * each on its own.
 */
import { canonicalJson } from '../canonical-json.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { Secret } from '../secret.ts';
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
  const text = wrap && splitText(cloudConfigText(plan), changing(model));
  return (node, token) => {
    const onboarding = { ...model.onboarding, node };
    const contents = changing({ onboarding, ...(token !== undefined && { token }) });
    // Formats that wrap cloud-config need of the plan only what names the node.
    if (wrap !== undefined && text !== undefined) return wrap(text(contents), { ...plan, onboarding });
    return encode(filled({ ...plan, onboarding }, contents));
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

/**
 * Cuts cloud-config where the contents of these files stand. Paths come sorted, as in the text. What differs is printable ASCII
 * (values.ts), so it is a JSON string, and no path entry can stand inside of one.
 */
function splitText(text: string, first: Contents): (contents: Contents) => Uint8Array {
  const pieces: string[] = [];
  let rest = 0;
  for (const [path, bytes] of first) {
    const entry = text.indexOf(`"path": ${JSON.stringify(path)}`, rest);
    const start = text.indexOf('"content": "', entry) + '"content": '.length;
    pieces.push(text.slice(rest, start));
    rest = start + jsonString(bytes).length;
  }
  const last = text.slice(rest);
  const paths = [...first.keys()];
  return (contents) => {
    let document = '';
    for (const [index, path] of paths.entries()) document += (pieces[index] as string) + jsonString(contents.get(path) as Uint8Array);
    return Buffer.from(document + last, 'latin1');
  };
}

function jsonString(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'));
}
