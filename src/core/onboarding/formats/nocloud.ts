/** The package as a seed of cloud-init's NoCloud: two files in a directory or on a medium with the label CIDATA, or an image of one. */
import { digestOf } from '../../digest.ts';
import { utf8 } from '../../encoding.ts';
import { isDnsName } from '../../names.ts';
import type { NodePlan } from '../files.ts';
import { jsonFile } from '../files.ts';
import { type Artifact, artifactOf, type Digested, type Format } from './artifact.ts';
import { cloudConfig, cloudConfigText } from './cloud-config.ts';
import { readIso, writeIso } from './iso9660.ts';

/** cloud-init looks for this label, in upper or lower case (NoCloud, source 2). */
export const SEED_LABEL = 'CIDATA';
export const ISO_PATH = 'seed.iso';

/** No network-config: a match that fails leaves the node without a link. */
function seedFiles({ bytes, sha256 }: Digested, { onboarding: { node } }: NodePlan): readonly Artifact[] {
  // Another payload is another instance: cloud-init runs again. In JSON, which is YAML.
  const metaData = jsonFile({
    'instance-id': `joinery-${sha256.slice(0, 32)}`,
    ...(node !== undefined && isDnsName(node) && { 'local-hostname': node }),
  });
  return [
    { path: 'user-data', bytes, sha256 },
    { path: 'meta-data', bytes: metaData },
  ];
}

function seedImage(userData: Digested, plan: NodePlan): readonly Artifact[] {
  return [{ path: ISO_PATH, bytes: writeIso(SEED_LABEL, seedFiles(userData, plan), plan.onboarding.created_at) }];
}

function userDataOf(plan: NodePlan): Digested {
  const bytes = utf8(cloudConfigText(plan));
  return { bytes, sha256: digestOf(bytes) };
}

export const nocloud: Format = {
  encode: (plan) => seedFiles(userDataOf(plan), plan),
  wrap: seedFiles,
  decode: cloudConfig.decode,
};

export const nocloudIso: Format = {
  encode: (plan) => seedImage(userDataOf(plan), plan),
  wrap: seedImage,
  decode: (artifacts) => {
    const files = readIso(artifactOf(artifacts, ISO_PATH), ISO_PATH);
    return cloudConfig.decode(new Map(files.map(({ path, bytes }) => [path, bytes])));
  },
};
