/**
 * What cloud-init has deprecated (schema of 25.3), by its place: members, and values of members that are still there. Each degrades the boot
 * of a newer release, and says so on its console.
 */
import { isJsonObject, type JsonValue } from '../canonical-json.ts';

interface Deprecated {
  /** Names from the top; `*` is every member of a list or an object. */
  readonly path: readonly string[];
  /** Which values; all where there is none. */
  readonly is?: (value: JsonValue) => boolean;
  /** What to write instead. */
  readonly use: string;
}

const isText = (value: JsonValue): boolean => typeof value === 'string';

/** Members of a user that have an underscore now. */
const USER_MEMBERS = [
  'create-groups',
  'hashed-passwd',
  'lock-passwd',
  'no-create-home',
  'no-log-init',
  'no-user-group',
  'plain-text-passwd',
  'primary-group',
  'selinux-user',
  'ssh-authorized-keys',
  'ssh-import-id',
  'ssh-redirect-user',
];

const OF_USER: readonly Deprecated[] = [
  ...USER_MEMBERS.map((name) => ({ path: [name], use: name.replaceAll('-', '_') })),
  { path: ['groups'], is: isJsonObject, use: 'a list of names' },
  { path: ['sudo'], is: (value) => typeof value === 'boolean', use: 'null, or a rule' },
  { path: ['uid'], is: isText, use: 'a number' },
];

const under = (path: readonly string[]) => (row: Deprecated) => ({ ...row, path: [...path, ...row.path] });

const DEPRECATED: readonly Deprecated[] = [
  { path: ['apt_update'], use: 'package_update' },
  { path: ['apt_upgrade'], use: 'package_upgrade' },
  { path: ['apt_reboot_if_required'], use: 'package_reboot_if_required' },
  { path: ['ca-certs'], use: 'ca_certs' },
  { path: ['ca_certs', 'remove-defaults'], use: 'remove_defaults' },
  { path: ['chpasswd', 'list'], use: 'users' },
  { path: ['grub-dpkg'], use: 'grub_dpkg' },
  { path: ['system_info'], use: 'the configuration of the image' },
  { path: ['ubuntu_advantage'], use: 'ubuntu_pro' },
  ...OF_USER.map(under(['user'])),
  ...OF_USER.map(under(['users', '*'])),
  { path: ['apt_pipelining'], is: (value) => value === 'none' || value === 'unchanged', use: 'os, or true or false' },
  { path: ['growpart', 'mode'], is: (value) => value === false, use: "'off', in quotes" },
  { path: ['grub_dpkg', 'grub-pc/install_devices_empty'], is: isText, use: 'true or false' },
  { path: ['manage_etc_hosts'], is: (value) => value === 'template', use: 'true' },
  { path: ['power_state', 'delay'], is: (value) => isText(value) && value !== 'now', use: 'now, or a number' },
  { path: ['rh_subscription', 'org'], is: (value) => typeof value === 'number', use: 'a text' },
  { path: ['ssh_pwauth'], is: (value) => typeof value !== 'boolean', use: 'true or false' },
  { path: ['vendor_data', 'enabled'], is: isText, use: 'true or false' },
];

export interface FoundDeprecated {
  /** `users.0.sudo`. */
  readonly path: string;
  readonly use: string;
}

/** @param document cloud-config as YAML 1.1 says it, which cloud-init reads: `off` and `yes` are no texts there. */
export function findDeprecated(document: JsonValue): FoundDeprecated | undefined {
  for (const { path, is = () => true, use } of DEPRECATED) {
    const found = placesOf(document, path).find(({ value }) => is(value));
    if (found !== undefined) return { path: found.path.join('.'), use };
  }
  return undefined;
}

interface Place {
  readonly path: readonly string[];
  readonly value: JsonValue;
}

function placesOf(document: JsonValue, path: readonly string[]): readonly Place[] {
  const start: readonly Place[] = [{ path: [], value: document }];
  return path.reduce((places, step) => places.flatMap((place) => membersOf(place, step)), start);
}

function membersOf({ path, value }: Place, step: string): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value as Readonly<Record<string, JsonValue>>)
    .filter(([name]) => step === '*' || name === step)
    .map(([name, member]) => ({ path: [...path, name], value: member }));
}
