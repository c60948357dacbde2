/** What a package puts on a node: the model as directories, files with their final path, owner and mode (FORMATS 3), and one last command. */
import { canonicalJson, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { parsePem, toPem, utf8 } from '../encoding.ts';
import { chainDocument } from '../trust/chain.ts';
import { type Purpose, PURPOSES } from '../trust/purpose.ts';
import { agentCommands } from './agent-files.ts';
import { environmentOf, renderEnvFile } from './env-file.ts';
import { nodeFileModes, nodeLayout, systemAnchorPaths } from './layout.ts';
import type { Onboarding, PackageModel, TrustPart, UserPart } from './model.ts';

/** All files of a package belong to root unless the operator says otherwise: who owns them can change what the node trusts. */
export const NODE_FILE_OWNER = 'root:root';

/** What may belong to somebody else: documents, trust and token. What root runs, or reads as shell text, is always root's. */
function isOwnable(onboarding: Onboarding, path: string): boolean {
  const { onboarding: document, seedPeers, trustState: state, bundles, manifests, token } = nodeLayout(onboarding);
  return [document, seedPeers, state, token, ...Object.values(bundles), ...Object.values(manifests)].includes(path);
}

export interface NodeFile {
  /** Absolute. */
  readonly path: string;
  readonly owner: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
}

/** What every format carries, each in its own way. */
export interface NodePlan {
  readonly onboarding: Onboarding;
  /** Made before the files; parents of files are made 0755 by whatever writes them. */
  readonly secrets: { readonly path: string; readonly owner: string; readonly mode: number };
  /** Sorted by path, those of this node alone at the end. */
  readonly files: readonly NodeFile[];
  /** Runs once as root when the files are there. */
  readonly command: readonly string[];
  readonly parts: readonly UserPart[];
}

/** Files that a package carries and does not decide on: programs. */
export interface NodeAssets {
  /** The script of `templates/trust-check.sh`. */
  readonly trustCheck: Uint8Array;
  /** By path: {@link agentFileModes}. */
  readonly agent: ReadonlyMap<string, Uint8Array>;
}

/** A JSON document as it lies on disk: canonical (RFC 8785) and one final newline, so that a digest is of the meaning. */
export function jsonFile(value: JsonValue): Uint8Array {
  return utf8(`${canonicalJson(value)}\n`);
}

/**
 * The state from which `trust apply` continues: what is held is also the floor below which the node never goes again.
 * Times are those of the package, so that the same model gives the same bytes.
 */
export function trustState(onboarding: Onboarding): JsonObject {
  const held = (purpose: Purpose): JsonObject => {
    const pin = onboarding.trust[purpose];
    return {
      held: pin.version,
      floor: pin.version,
      digest: pin.manifest_digest,
      fingerprint: pin.sha256_fingerprint,
      updated_at: onboarding.created_at,
      path: pin.path,
    };
  };
  return { schema: 'joinery/trust-state/1', purposes: Object.fromEntries(PURPOSES.map((purpose) => [purpose, held(purpose)])) };
}

/** The chain from which `trust apply` walks on: one version, the first trust. */
export function manifestFile({ signed }: TrustPart): Uint8Array {
  return jsonFile(chainDocument([signed]));
}

/** What runs as root, one after another, each only when the one before succeeded. The trust is checked first. */
export function setupCommands(onboarding: Onboarding): readonly (readonly string[])[] {
  const layout = nodeLayout(onboarding);
  const pairs = PURPOSES.flatMap((purpose) => [onboarding.trust[purpose].sha256_fingerprint, layout.bundles[purpose]]);
  return [
    // Without bundles the agent checks what it fetches.
    ...(onboarding.trust_url === undefined ? [['sh', layout.trustCheck, ...pairs]] : []),
    ...(onboarding.system_trust_store === undefined ? [] : [['update-ca-certificates']]),
    ...agentCommands(onboarding),
  ];
}

/** No word of a command needs a quote (values.ts). */
function setupScript(onboarding: Onboarding): Uint8Array {
  const lines = setupCommands(onboarding).map((words) => `${words.join(' ')}\n`);
  return utf8(`#!/bin/sh\n# Written by joinery. Runs once as root, last.\nset -eu\n${lines.join('')}`);
}

/** The anchors that go into the system trust store, and only those of the control plane: a node certificate never proves a website. */
function systemAnchors({ onboarding, trust }: PackageModel): readonly Uint8Array[] {
  if (onboarding.system_trust_store === undefined || trust === undefined) return [];
  return parsePem(trust['control-plane-https'].bundlePem).map(({ label, der }) => utf8(toPem(label, der)));
}

export function nodePlan(model: PackageModel, assets: NodeAssets): NodePlan {
  const { onboarding } = model;
  const layout = nodeLayout(onboarding);
  const owner = onboarding.owner ?? NODE_FILE_OWNER;
  return {
    onboarding,
    secrets: { path: layout.secrets, owner, mode: 0o700 },
    files: nodeFiles(model, assets),
    command: ['sh', layout.setup],
    parts: model.parts ?? [],
  };
}

/** Last come the files that differ from node to node: what many packages share is one piece, in front. */
function isOfOneNode(onboarding: Onboarding, path: string): boolean {
  const { onboarding: document, environment, token } = nodeLayout(onboarding);
  return [document, environment, token].includes(path);
}

/** @returns the files, sorted by path, those of this node alone at the end. */
export function nodeFiles(model: PackageModel, assets: NodeAssets): readonly NodeFile[] {
  const { onboarding, token, trust } = model;
  const layout = nodeLayout(onboarding);
  const anchors = systemAnchors(model);
  const contents = new Map<string, Uint8Array>([
    [layout.onboarding, jsonFile(onboarding)],
    [layout.environment, utf8(renderEnvFile(environmentOf(onboarding)))],
    [layout.seedPeers, jsonFile(model.seedPeers)],
    [layout.trustState, jsonFile(trustState(onboarding))],
    [layout.trustCheck, assets.trustCheck],
    [layout.setup, setupScript(onboarding)],
    ...(trust === undefined ? [] : PURPOSES.map((purpose) => [layout.bundles[purpose], utf8(trust[purpose].bundlePem)] as const)),
    ...(trust === undefined ? [] : PURPOSES.map((purpose) => [layout.manifests[purpose], manifestFile(trust[purpose])] as const)),
    ...assets.agent,
    ...systemAnchorPaths(onboarding, anchors.length).map((path, index) => [path, anchors[index] as Uint8Array] as const),
    ...(token === undefined ? [] : [[layout.token, utf8(token.reveal())] as const]),
  ]);
  const owner = onboarding.owner ?? NODE_FILE_OWNER;
  const files = [...nodeFileModes(onboarding, anchors.length)].map(([path, mode]) => ({
    path,
    owner: isOwnable(onboarding, path) ? owner : NODE_FILE_OWNER,
    mode,
    bytes: contents.get(path) as Uint8Array,
  }));
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  const own = files.filter(({ path }) => isOfOneNode(onboarding, path));
  return [...files.filter((file) => !own.includes(file)), ...own];
}
