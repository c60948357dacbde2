/**
 * The package as cloud-init user-data. The body is JSON, which YAML 1.1 reads alike while none of its traps (0600, on, yes, 12:34,
 * anchors) exist; contents are base64, so no text of the model can become structure. Keys are few and none is deprecated.
 */
import type { JsonObject } from '../canonical-json.ts';
import { toBase64 } from '../encoding.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { nodeFiles } from './files.ts';
import { nodeLayout } from './layout.ts';
import type { Onboarding, PackageModel } from './model.ts';

export const CLOUD_CONFIG_HEADER = '#cloud-config\n';

/** What runs as root on every boot, before a file is written: write_files makes parents 0755 and a file before its mode is set. */
export function bootCommands(onboarding: Onboarding): readonly (readonly string[])[] {
  return [['install', '-d', '-m', '0700', '-o', 'root', '-g', 'root', nodeLayout(onboarding).secrets]];
}

/** What runs as root once, last: the check that the bundles on disk are the ones of the package. */
export function runCommands(onboarding: Onboarding): readonly (readonly string[])[] {
  const layout = nodeLayout(onboarding);
  const pairs = PURPOSES.flatMap((purpose) => [onboarding.trust[purpose].sha256_fingerprint, layout.bundles[purpose]]);
  return [['sh', layout.trustCheck, ...pairs]];
}

/** A later part would replace our lists; appending works only when it is asked for by the later part, which ours is (cloud-init, merging). */
export const MERGE_HOW: readonly JsonObject[] = [
  { name: 'list', settings: ['append'] },
  { name: 'dict', settings: ['no_replace', 'recurse_list'] },
];

/** @param trustCheck the script of `templates/trust-check.sh`. @returns the user-data: ASCII, LF, one final newline. */
export function renderCloudConfig(model: PackageModel, trustCheck: Uint8Array): string {
  const body = {
    bootcmd: bootCommands(model.onboarding),
    write_files: nodeFiles(model, trustCheck).map((file) => ({
      path: file.path,
      owner: file.owner,
      permissions: octal(file.mode),
      encoding: 'b64',
      content: toBase64(file.bytes),
    })),
    runcmd: runCommands(model.onboarding),
    merge_how: MERGE_HOW,
  };
  return `${CLOUD_CONFIG_HEADER}${JSON.stringify(body, null, 1)}\n`;
}

/** `0600`: four octal digits, always quoted where they are written. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
