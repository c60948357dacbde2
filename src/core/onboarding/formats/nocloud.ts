/** The package as a seed of cloud-init's NoCloud: two files in a directory or on a medium with the label CIDATA, or an image of one. */
import { digestOf } from '../../digest.ts';
import { isDnsName } from '../../names.ts';
import type { NodePlan } from '../files.ts';
import { jsonFile } from '../files.ts';
import { type Artifact, artifactOf, type Format } from './artifact.ts';
import { cloudConfig } from './cloud-config.ts';
import { readIso, writeIso } from './iso9660.ts';

/** cloud-init looks for this label, in upper or lower case (NoCloud, source 2). */
export const SEED_LABEL = 'CIDATA';
export const ISO_PATH = 'seed.iso';

/** No network-config: a match that fails leaves the node without a link. */
function seedFiles(plan: NodePlan): readonly Artifact[] {
  const [userData] = cloudConfig.encode(plan) as readonly [Artifact];
  const { node } = plan.onboarding;
  // Another payload is another instance: cloud-init runs again. In JSON, which is YAML.
  const metaData = jsonFile({
    'instance-id': `joinery-${digestOf(userData.bytes).slice(0, 32)}`,
    ...(node !== undefined && isDnsName(node) && { 'local-hostname': node }),
  });
  return [userData, { path: 'meta-data', bytes: metaData }];
}

export const nocloud: Format = { encode: seedFiles, decode: cloudConfig.decode };

export const nocloudIso: Format = {
  encode: (plan) => [{ path: ISO_PATH, bytes: writeIso(SEED_LABEL, seedFiles(plan), plan.onboarding.created_at) }],
  decode: (artifacts) => {
    const files = readIso(artifactOf(artifacts, ISO_PATH), ISO_PATH);
    return cloudConfig.decode(new Map(files.map(({ path, bytes }) => [path, bytes])));
  },
};
