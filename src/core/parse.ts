/**
 * Parsers for untrusted documents. A parser checks a value, gives it a type, reports every wrong path at once, and knows its
 * own JSON Schema (draft 2020-12), so that what is published and what is enforced are one thing.
 */
import { isJsonObject, type JsonObject, type JsonValue } from './canonical-json.ts';
import { type ErrorCode, JoineryError } from './errors.ts';

export interface Issue {
  /** Where: `clusters[0].name`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
}

export interface Parser<T> {
  readonly schema: JsonObject;
  /** True when an object may leave the member out. */
  readonly optional?: boolean;
  /** Reports to `issues` and gives undefined, or gives the value. */
  read(value: JsonValue | undefined, path: string, issues: Issue[]): T | undefined;
}

export type Parsed<P> = P extends Parser<infer T> ? T : never;

/**
 * Runs a parser over a whole document.
 * @param what names the document in the message.
 * @throws JoineryError with `code`, all issues in `details.issues` and the first in the message.
 */
export function parseDocument<T>(parser: Parser<T>, value: JsonValue, what: string, code: ErrorCode = 'ERR_INPUT_MALFORMED'): T {
  const issues: Issue[] = [];
  const parsed = parser.read(value, '', issues);
  const [first, ...rest] = issues;
  if (first === undefined) return parsed as T;
  const shown = issues.slice(0, 20);
  const more = rest.length === 0 ? '' : ` (and ${rest.length} more)`;
  throw new JoineryError(code, `${what}: ${first.path === '' ? '' : `${first.path}: `}${first.message}${more}`, {
    details: { issues: shown.map((issue) => ({ ...issue })) },
  });
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return { string: 'a string', number: 'a number', boolean: 'a boolean', object: 'an object' }[typeof value as string] as string;
}

function expected(what: string, value: JsonValue | undefined, path: string, issues: Issue[]): undefined {
  issues.push({ path, message: `expected ${what}, found ${kindOf(value)}` });
  return undefined;
}

export interface StringRules {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Anchored. */
  readonly pattern?: RegExp;
  /** What the pattern means, for the message. */
  readonly describe?: string;
}

export function string(rules: StringRules = {}): Parser<string> {
  const { minLength = 0, maxLength = 65536, pattern } = rules;
  return {
    schema: { type: 'string', ...(minLength > 0 && { minLength }), maxLength, ...(pattern && { pattern: pattern.source }) },
    read(value, path, issues) {
      if (typeof value !== 'string') return expected(rules.describe ?? 'a string', value, path, issues);
      if (value.length < minLength || value.length > maxLength) {
        issues.push({ path, message: `expected ${minLength} to ${maxLength} characters, found ${value.length}` });
        return undefined;
      }
      if (pattern && !pattern.test(value)) {
        issues.push({ path, message: `expected ${rules.describe ?? `text that matches ${pattern.source}`}, found something else` });
        return undefined;
      }
      return value;
    },
  };
}

export function integer(minimum = 0, maximum: number = Number.MAX_SAFE_INTEGER): Parser<number> {
  return {
    schema: { type: 'integer', minimum, maximum },
    read(value, path, issues) {
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
      return expected(`an integer from ${minimum} to ${maximum}`, value, path, issues);
    },
  };
}

export function boolean(): Parser<boolean> {
  return {
    schema: { type: 'boolean' },
    read: (value, path, issues) => (typeof value === 'boolean' ? value : expected('true or false', value, path, issues)),
  };
}

/** An object with whatever members: who reads them parses them. */
export function jsonObject(): Parser<JsonObject> {
  return {
    schema: { type: 'object' },
    read(value, path, issues) {
      if (isJsonObject(value)) return value;
      issues.push({ path, message: 'expected an object, found something else' });
      return undefined;
    },
  };
}

export function oneOf<const T extends readonly string[]>(values: T): Parser<T[number]> {
  return {
    schema: { enum: [...values] },
    read(value, path, issues) {
      if (typeof value === 'string' && values.includes(value)) return value;
      return expected(`one of ${values.join(', ')}`, value, path, issues);
    },
  };
}

export function array<T>(item: Parser<T>, rules: { readonly minItems?: number; readonly maxItems?: number } = {}): Parser<readonly T[]> {
  const { minItems = 0, maxItems = 10000 } = rules;
  return {
    schema: { type: 'array', items: item.schema, ...(minItems > 0 && { minItems }), maxItems },
    read(value, path, issues) {
      if (!Array.isArray(value)) return expected('an array', value, path, issues);
      if (value.length < minItems || value.length > maxItems) {
        issues.push({ path, message: `expected ${minItems} to ${maxItems} items, found ${value.length}` });
        return undefined;
      }
      return value.map((entry: JsonValue, index) => item.read(entry, `${path}[${index}]`, issues)) as T[];
    },
  };
}

/** One item, or an array of them. */
export function oneOrMore<T>(item: Parser<T>, maxItems: number): Parser<readonly T[]> {
  const many = array(item, { minItems: 1, maxItems });
  return {
    schema: { anyOf: [item.schema, many.schema] },
    read(value, path, issues) {
      if (Array.isArray(value)) return many.read(value, path, issues);
      const one = item.read(value, path, issues);
      return one === undefined ? undefined : [one];
    },
  };
}

/** A map with free member names. */
export function record<T>(item: Parser<T>, rules: { readonly maxMembers?: number } = {}): Parser<Readonly<Record<string, T>>> {
  const { maxMembers = 1000 } = rules;
  return {
    schema: { type: 'object', additionalProperties: item.schema, maxProperties: maxMembers },
    read(value, path, issues) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return expected('an object', value, path, issues);
      const entries = Object.entries(value as JsonObject);
      if (entries.length > maxMembers) {
        issues.push({ path, message: `expected at most ${maxMembers} members, found ${entries.length}` });
        return undefined;
      }
      return Object.fromEntries(entries.map(([name, member]) => [name, item.read(member, join(path, name), issues)])) as Record<string, T>;
    },
  };
}

/** Makes a member of an object optional. */
export function optional<T>(parser: Parser<T>): Parser<T | undefined> & { readonly optional: true } {
  return {
    schema: parser.schema,
    optional: true,
    read: (value, path, issues) => (value === undefined ? undefined : parser.read(value, path, issues)),
  };
}

/** Narrows a parsed value: `check` gives the value or the sentence that says what was expected. */
export function refine<T, U>(parser: Parser<T>, check: (value: T) => { value: U } | { issue: string }): Parser<U> {
  return {
    schema: parser.schema,
    read(value, path, issues) {
      const before = issues.length;
      const parsed = parser.read(value, path, issues);
      if (issues.length > before) return undefined;
      const result = check(parsed as T);
      if ('value' in result) return result.value;
      issues.push({ path, message: result.issue });
      return undefined;
    },
  };
}

type Shape = Readonly<Record<string, Parser<unknown>>>;
type OptionalNames<S extends Shape> = { [K in keyof S]: S[K] extends { readonly optional: true } ? K : never }[keyof S];
export type ObjectOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalNames<S>>]: Parsed<S[K]>;
} & { readonly [K in OptionalNames<S>]?: Exclude<Parsed<S[K]>, undefined> };

/** An object with these members and no others. */
export function object<S extends Shape>(shape: S): Parser<ObjectOf<S>> {
  const names = Object.keys(shape);
  const required = names.filter((name) => shape[name]?.optional !== true);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, shape[name]?.schema])),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    },
    read(value, path, issues) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return expected('an object', value, path, issues);
      const source = value as JsonObject;
      for (const name of Object.keys(source)) {
        if (!Object.hasOwn(shape, name)) {
          issues.push({ path: join(path, name), message: `unknown member; known here: ${names.join(', ')}` });
        }
      }
      const result: Record<string, unknown> = {};
      for (const name of names) {
        const member = Object.hasOwn(source, name) ? source[name] : undefined;
        const parsed = (shape[name] as Parser<unknown>).read(member, join(path, name), issues);
        if (parsed !== undefined) result[name] = parsed;
      }
      return result as ObjectOf<S>;
    },
  };
}

function join(path: string, name: string): string {
  const step = /^[A-Za-z_][\w-]{0,63}$/.test(name) ? name : JSON.stringify(name.slice(0, 64));
  return path === '' ? step : `${path}.${step}`;
}
