/** Parts of a multipart document that the operator brings: looked at before ours goes behind them, so that none of them undoes it. */
import { isJsonObject, type JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { reservedPaths } from './layout.ts';
import type { Onboarding, UserPart } from './model.ts';

const PART_NAME = /^[A-Za-z0-9._-]{1,100}$/;
/** What a part is, by its first line, as cloud-init tells it. Others fetch, run at another time, or handle the parts that follow. */
const TYPES: readonly (readonly [RegExp, UserPart['type']])[] = [
  [/^#cloud-config[ \t]*\r?$/, 'text/cloud-config'],
  [/^#!/, 'text/x-shellscript'],
];

/** Members that cloud-init has deprecated (schema of 25.1), with the one above where the name alone says too little: each degrades the boot of a newer release. */
const DEPRECATED_KEYS = [
  'apt_update',
  'apt_upgrade',
  'apt_reboot_if_required',
  'ca-certs',
  'chpasswd.list',
  'grub-dpkg',
  'lock-passwd',
  'remove-defaults',
];
/** cloud-init reads YAML 1.1, which puts members in the place of this one: they would not be looked at here, where it is a name like others. */
const MERGE_KEY = '<<';

function refuse(name: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_PART', `--part ${name}: expected ${expected}, found ${found}`);
}

/** @param name base name of the file. @throws ERR_PACKAGE_PART */
export function userPart(name: string, bytes: Uint8Array): UserPart {
  if (!PART_NAME.test(name) || name === 'joinery.cfg')
    throw refuse(name, 'a file name of letters, digits and . _ -, not joinery.cfg', 'another');
  const [line] = Buffer.from(bytes.subarray(0, 200)).toString('latin1').split('\n', 1) as [string];
  const type = TYPES.find(([pattern]) => pattern.test(line))?.[1];
  if (type === undefined) throw refuse(name, '#cloud-config or a script (#!) in line 1', 'another kind of part');
  return { name, type, bytes };
}

/**
 * A cloud-config part writes nothing where the package writes, and uses no deprecated key.
 * @param document the part as YAML says it.
 * @throws ERR_PACKAGE_PART
 */
export function assertPart({ name }: UserPart, document: JsonValue, onboarding: Onboarding): void {
  if (!isJsonObject(document)) throw refuse(name, 'a mapping', 'something else');
  if (findKey(document, [MERGE_KEY]) !== undefined) throw refuse(name, 'members written out', `the merge key ${MERGE_KEY}`);
  const deprecated = findKey(document, DEPRECATED_KEYS);
  if (deprecated !== undefined) throw refuse(name, 'no deprecated key', deprecated);
  const { write_files: files } = document;
  const ours = reservedPaths(onboarding);
  for (const file of Array.isArray(files) ? (files as readonly JsonValue[]) : []) {
    const path = isJsonObject(file) ? file['path'] : undefined;
    if (typeof path !== 'string') continue;
    const place = placeOf(path);
    const taken = ours.includes(place) || `${place}/`.startsWith(`${onboarding.directory}/`);
    if (taken || path.split('/').includes('..')) throw refuse(name, `write_files outside ${onboarding.directory}`, path);
  }
}

/** One name of a path: `//var/./lib/x` is `/var/lib/x`. */
function placeOf(path: string): string {
  return `/${path
    .split('/')
    .filter((step) => step !== '' && step !== '.')
    .join('/')}`;
}

function findKey(value: JsonValue, keys: readonly string[], above = ''): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const path = `${above}.${key}`;
    const found = keys.find((each) => each === key || each === path) ?? findKey(member as JsonValue, keys, key);
    if (found !== undefined) return found;
  }
  return undefined;
}
