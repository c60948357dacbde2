/** What a package puts on a node: the model as a list of files with their final path, owner and mode (FORMATS 3). */
import { canonicalJson, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { utf8 } from '../encoding.ts';
import { chainDocument } from '../trust/chain.ts';
import { type Purpose, PURPOSES } from '../trust/purpose.ts';
import { environmentOf, renderEnvFile } from './env-file.ts';
import { nodeFileModes, nodeLayout } from './layout.ts';
import type { Onboarding, PackageModel, TrustPart } from './model.ts';

/** All files of a package belong to root: nothing that runs on the node as somebody else may change what it trusts. */
export const NODE_FILE_OWNER = 'root:root';

export interface NodeFile {
  /** Absolute. */
  readonly path: string;
  readonly owner: string;
  /** Permission bits. */
  readonly mode: number;
  readonly bytes: Uint8Array;
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

/** @param trustCheck the script of `templates/trust-check.sh`. @returns the files, sorted by path. */
export function nodeFiles(model: PackageModel, trustCheck: Uint8Array): readonly NodeFile[] {
  const { onboarding, token } = model;
  const layout = nodeLayout(onboarding);
  const modes = new Map(nodeFileModes(layout));
  const file = (path: string, bytes: Uint8Array): NodeFile => ({ path, owner: NODE_FILE_OWNER, mode: modes.get(path) as number, bytes });
  const files = [
    file(layout.onboarding, jsonFile(onboarding)),
    file(layout.environment, utf8(renderEnvFile(environmentOf(onboarding, token !== undefined)))),
    file(layout.seedPeers, jsonFile(model.seedPeers)),
    file(layout.trustState, jsonFile(trustState(onboarding))),
    ...PURPOSES.map((purpose) => file(layout.bundles[purpose], utf8(model.trust[purpose].bundlePem))),
    ...PURPOSES.map((purpose) => file(layout.manifests[purpose], manifestFile(model.trust[purpose]))),
    file(layout.trustCheck, trustCheck),
    ...(token === undefined ? [] : [file(layout.token, utf8(token.reveal()))]),
  ];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}
