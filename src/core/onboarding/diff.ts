/** What two packages tell their nodes differently. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { formatInstant, type Instant } from '../time.ts';
import type { Grant } from '../token/grant.ts';
import { octal } from './formats/artifact.ts';
import type { Inspection } from './inspect.ts';
import { grantOfToken } from './token.ts';

/** A fact that is another; a side that lacks it has none. */
export interface FactChange {
  /** Where: `onboarding.join_urls[1]`. */
  readonly fact: string;
  readonly from?: JsonValue;
  readonly to?: JsonValue;
}

export interface FileChange {
  readonly path: string;
  /** Mode, owner and SHA-256. */
  readonly from?: string;
  readonly to?: string;
}

export interface PackageDifference {
  readonly facts: readonly FactChange[];
  /** Files on the node. */
  readonly files: readonly FileChange[];
}

export function diffPackages(a: Inspection, b: Inspection): PackageDifference {
  const facts = compare(factsOf(a), factsOf(b)).map(({ key, from, to }): FactChange => ({
    fact: key,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  }));
  const files = compare(filesOf(a), filesOf(b)).map(({ key, from, to }): FileChange => ({
    path: key,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
  }));
  return { facts, files };
}

/** Entries of which the sides differ, sorted by key. */
function compare<T extends JsonValue>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>) {
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort();
  return keys.map((key) => ({ key, from: a.get(key), to: b.get(key) })).filter(({ from, to }) => from !== to);
}

/** What the token grants, never the token. */
export function grantData({ allowReentry, keyThumbprint, issuedAt, notBefore, expiresAt, maxUses, clusters, ...same }: Grant): JsonObject {
  return {
    ...same,
    clusters: [...clusters],
    allow_reentry: allowReentry,
    key_thumbprint: keyThumbprint,
    issued_at: formatInstant(issuedAt),
    not_before: formatInstant(notBefore),
    // A `jwt` token always ends.
    expires_at: formatInstant(expiresAt as Instant),
    max_uses: maxUses,
  };
}

function factsOf({ format, model }: Inspection): ReadonlyMap<string, JsonValue> {
  const { onboarding, seedPeers, token, parts = [] } = model;
  const facts = new Map<string, JsonValue>();
  const document: JsonObject = {
    format,
    onboarding: { ...onboarding } as JsonObject,
    seed_peers: { ...seedPeers } as JsonObject,
    token: token === undefined ? undefined : grantData(grantOfToken(token)),
    parts: parts.map(({ name, type, bytes }) => ({ name, type, sha256: digestOf(bytes) })),
  };
  flatten(document, '', facts);
  return facts;
}

function flatten(value: JsonValue, path: string, into: Map<string, JsonValue>): void {
  if (isJsonArray(value)) {
    for (const [index, item] of value.entries()) flatten(item, `${path}[${index}]`, into);
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value))
      if (member !== undefined) flatten(member, path === '' ? name : `${path}.${name}`, into);
  } else into.set(path, value);
}

function filesOf({ files }: Inspection): ReadonlyMap<string, string> {
  return new Map(files.map(({ path, mode, owner, bytes }) => [path, `${octal(mode)} ${owner} ${digestOf(bytes)}`]));
}
