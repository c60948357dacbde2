/** Where copies of an embedded token remain: deleting the file on the node is hygiene, not protection. */
import type { FormatName } from './formats/table.ts';

const CLOUD_INIT = [
  '/var/lib/cloud/instance/user-data.txt and cloud-config.txt on the node',
  'the metadata service or the seed that delivered it, for as long as the machine exists',
];

const COPIES: Readonly<Record<FormatName, readonly string[]>> = {
  'cloud-config': CLOUD_INIT,
  multipart: CLOUD_INIT,
  nocloud: [...CLOUD_INIT.slice(0, 1), 'the seed directory or medium'],
  'nocloud-iso': [...CLOUD_INIT.slice(0, 1), 'the image, and the medium it was written to'],
  shell: ['the script, wherever it was copied to'],
  tar: ['the archive, wherever it was copied to'],
  ignition: ['the configuration at the platform, and in the initial ramdisk of the first boot'],
};

/** @returns places, in words; the package itself on this machine is one of them. */
export function tokenCopies(format: FormatName): readonly string[] {
  return ['this package', ...COPIES[format]];
}
