/** JSON values, RFC 8785 (JCS) canonical bytes, and a strict reader that refuses what JSON.parse lets through. */
import { utf8 } from './encoding.ts';
import { JoineryError } from './errors.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [member: string]: JsonValue | undefined;
}

/**
 * RFC 8785: members sorted by UTF-16 code units, no white space, ECMAScript numbers. Members that are undefined are left out.
 * @throws ERR_JSON_MALFORMED for a number that is not finite or a string with a lone surrogate (RFC 8785 section 3.2.2).
 */
export function canonicalJson(value: JsonValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new JoineryError('ERR_JSON_MALFORMED', 'canonical JSON: expected a finite number');
    return JSON.stringify(value);
  }
  if (isJsonArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  let members = '';
  for (const name of Object.keys(value).sort()) {
    const member = value[name];
    if (member !== undefined) members += `${members === '' ? '' : ','}${canonicalString(name)}:${canonicalJson(member)}`;
  }
  return `{${members}}`;
}

/** {@link canonicalJson} as UTF-8 bytes: what is signed and hashed. */
export function canonicalBytes(value: JsonValue): Uint8Array {
  return utf8(canonicalJson(value));
}

/** Printable ASCII without quote and backslash, which nearly every string is: it stands for itself. */
const PLAIN = /^[ !#-[\]-~]*$/;

function canonicalString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new JoineryError('ERR_JSON_MALFORMED', 'canonical JSON: expected Unicode text, found a lone surrogate');
  return JSON.stringify(text);
}

export function isJsonArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface StrictJsonLimits {
  /** UTF-16 code units. */
  readonly maxLength?: number;
  /** Levels of nesting. */
  readonly maxDepth?: number;
}

/**
 * Parses JSON (RFC 8259) and refuses what I-JSON (RFC 7493) refuses: duplicate members and lone surrogates; also the member
 * name `__proto__`. JSON.parse keeps the last of two members, so two readers of one signed text could see two values.
 * @param what names the input in the error.
 * @throws ERR_JSON_MALFORMED, ERR_INPUT_TOO_LARGE
 */
export function parseStrictJson(text: string, what: string, limits: StrictJsonLimits = {}): JsonValue {
  const maxLength = limits.maxLength ?? 16 * 1024 * 1024;
  if (text.length > maxLength) {
    throw new JoineryError('ERR_INPUT_TOO_LARGE', `${what}: expected at most ${maxLength} characters, found ${text.length}`);
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    // The engine's message quotes the input, which may hold a secret.
    throw new JoineryError('ERR_JSON_MALFORMED', `${what}: expected JSON, found something else`);
  }
  checkMembers(text, what, limits.maxDepth ?? 64);
  checkUnicode(value, what);
  return value;
}

/** Walks the tokens of text that is already known to be JSON and refuses a member name that an object holds twice. */
function checkMembers(text: string, what: string, maxDepth: number): void {
  const open: (Set<string> | undefined)[] = [];
  // A string is found by its ends: a pattern for all of it would take stack for each of its characters.
  const token = /["{}[\]]/g;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const lexeme = match[0];
    if (lexeme === '{') open.push(new Set());
    else if (lexeme === '[') open.push(undefined);
    else if (lexeme === '}' || lexeme === ']') open.pop();
    else {
      token.lastIndex = endOfString(text, match.index);
      checkMember(text, match.index, token.lastIndex, { names: open.at(-1), what });
    }
    if (open.length > maxDepth)
      throw new JoineryError('ERR_JSON_MALFORMED', `${what}: expected at most ${maxDepth} levels of nesting, found more`);
  }
}

/** Index after the quote that ends the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charAt(end - 1 - slashes) === '\\') slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

interface Member {
  /** Of the object around it; undefined in an array. */
  readonly names: Set<string> | undefined;
  readonly what: string;
}

function checkMember(text: string, start: number, end: number, { names, what }: Member): void {
  if (names === undefined || !followedByColon(text, end)) return;
  const name = JSON.parse(text.slice(start, end)) as string;
  if (names.has(name)) throw new JoineryError('ERR_JSON_MALFORMED', `${what}: expected each member once, found a duplicate member`);
  if (name === '__proto__') throw new JoineryError('ERR_JSON_MALFORMED', `${what}: the member name __proto__ is not accepted`);
  names.add(name);
}

function followedByColon(text: string, from: number): boolean {
  let index = from;
  while (index < text.length && ' \t\r\n'.includes(text.charAt(index))) index++;
  return text.charAt(index) === ':';
}

function checkUnicode(value: JsonValue, what: string): void {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new JoineryError('ERR_JSON_MALFORMED', `${what}: expected Unicode text, found a lone surrogate`);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      checkUnicode(name, what);
      checkUnicode(member as JsonValue, what);
    }
  }
}
