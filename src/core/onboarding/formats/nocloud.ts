/** The package as a seed of cloud-init's NoCloud: two files in a directory or on a medium with the label CIDATA, or an image of one. */
import { digestOf } from '../../digest.ts';
import { utf8 } from '../../encoding.ts';
import { isDnsName } from '../../names.ts';
import type { NodePlan } from '../files.ts';
import { jsonFile } from '../files.ts';
import { type Artifact, artifactOf, type Format } from './artifact.ts';
import { cloudConfig, cloudConfigText } from './cloud-config.ts';
import { readIso, writeIso } from './iso9660.ts';

/** cloud-init looks for this label, in upper or lower case (NoCloud, source 2). */
export const SEED_LABEL = 'CIDATA';
export const ISO_PATH = 'seed.iso';

/** No network-config: a match that fails leaves the node without a link. */
function seedFiles(userData: Uint8Array, { onboarding: { node } }: NodePlan): readonly Artifact[] {
  // Another payload is another instance: cloud-init runs again. In JSON, which is YAML.
  const metaData = jsonFile({
    'instance-id': `joinery-${digestOf(userData).slice(0, 32)}`,
    ...(node !== undefined && isDnsName(node) && { 'local-hostname': node }),
  });
  return [
    { path: 'user-data', bytes: userData },
    { path: 'meta-data', bytes: metaData },
  ];
}

function seedImage(userData: Uint8Array, plan: NodePlan): readonly Artifact[] {
  return [{ path: ISO_PATH, bytes: writeIso(SEED_LABEL, seedFiles(userData, plan), plan.onboarding.created_at) }];
}

export const nocloud: Format = {
  encode: (plan) => seedFiles(utf8(cloudConfigText(plan)), plan),
  wrap: seedFiles,
  decode: cloudConfig.decode,
};

export const nocloudIso: Format = {
  encode: (plan) => seedImage(utf8(cloudConfigText(plan)), plan),
  wrap: seedImage,
  decode: (artifacts) => {
    const files = readIso(artifactOf(artifacts, ISO_PATH), ISO_PATH);
    return cloudConfig.decode(new Map(files.map(({ path, bytes }) => [path, bytes])));
  },
};
