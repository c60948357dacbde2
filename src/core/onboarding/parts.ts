/** Parts of a multipart document that the operator brings: looked at before ours goes behind them, so that none of them undoes it. */
import { isJsonObject, type JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { findDeprecated } from './deprecated.ts';
import { reservedPaths } from './layout.ts';
import type { Onboarding, UserPart } from './model.ts';

const PART_NAME = /^[A-Za-z0-9._-]{1,100}$/;
/** What a part is, by its first line, as cloud-init tells it. Others fetch, run at another time, or handle the parts that follow. */
const TYPES: readonly (readonly [RegExp, UserPart['type']])[] = [
  [/^#cloud-config[ \t]*\r?$/, 'text/cloud-config'],
  [/^#!/, 'text/x-shellscript'],
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
 * A cloud-config part writes nothing where the package writes, and uses nothing deprecated.
 * @param document the part as YAML 1.1 says it.
 * @throws ERR_PACKAGE_PART
 */
export function assertPart({ name }: UserPart, document: JsonValue, onboarding: Onboarding): void {
  if (!isJsonObject(document)) throw refuse(name, 'a mapping', 'something else');
  if (hasMember(document, MERGE_KEY)) throw refuse(name, 'members written out', `the merge key ${MERGE_KEY}`);
  const deprecated = findDeprecated(document);
  if (deprecated !== undefined) throw refuse(name, `nothing that cloud-init has deprecated (${deprecated.use})`, deprecated.path);
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

function hasMember(value: JsonValue, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value as Readonly<Record<string, JsonValue>>).some(([key, member]) => key === name || hasMember(member, name));
}
