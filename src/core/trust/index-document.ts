/** `joinery/trust-index/1`: all versions of both purposes at a glance, for a pipeline to diff and to gate on. */
import type { JsonValue } from '../canonical-json.ts';
import type { Digest } from '../digest.ts';
import { dnsName, name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../parse.ts';
import { digestText, instantText, MAX_SIGNERS, PHASES, versionNumber } from './manifest.ts';
import { PURPOSES } from './purpose.ts';

const indexEntry = object({
  purpose: oneOf(PURPOSES),
  version: versionNumber(),
  state: oneOf(['published', 'active', 'superseded', 'abandoned']),
  manifest_digest: digestText(),
  sha256_fingerprint: digestText(),
  published_at: instantText(),
  activated_at: optional(instantText()),
  expires_at: instantText(),
  grace_until: optional(instantText()),
  replaces_version: optional(versionNumber()),
  anchors: array(object({ fingerprint: digestText(), phase: oneOf(PHASES) })),
  /** RFC 7638 thumbprints. */
  signers: array(string({ maxLength: 43 })),
  min_signatures: integer(1, MAX_SIGNERS),
});

const index = object({
  schema: oneOf(['joinery/trust-index/1']),
  environment_name: name(),
  environment_domain: dnsName(),
  versions: array(indexEntry, { maxItems: 100000 }),
});

export type TrustIndex = Parsed<typeof index>;
export type TrustIndexEntry = Parsed<typeof indexEntry>;

/** @throws ERR_TRUST_MANIFEST_MALFORMED with every wrong path */
export function parseTrustIndex(value: JsonValue, what: string): TrustIndex {
  return parseDocument(index, value, what, 'ERR_TRUST_MANIFEST_MALFORMED');
}

export interface IndexedVersion {
  readonly version: number;
  readonly digest: Digest;
}

export interface IndexProblem {
  readonly version: number;
  readonly problem: 'missing' | 'changed' | 'not in the index';
}

/** Compares the documents of one purpose with the activated versions of an index: neither more, nor less, nor other. */
export function compareWithIndex(found: readonly IndexedVersion[], entries: readonly TrustIndexEntry[]): readonly IndexProblem[] {
  const expected = new Map(
    entries.filter((entry) => entry.activated_at !== undefined).map((entry) => [entry.version, entry.manifest_digest]),
  );
  const digests = new Map(found.map(({ version, digest }) => [version, digest]));
  const problems: IndexProblem[] = [];
  for (const [version, digest] of expected) {
    const here = digests.get(version);
    if (here !== digest) problems.push({ version, problem: here === undefined ? 'missing' : 'changed' });
  }
  for (const version of digests.keys()) if (!expected.has(version)) problems.push({ version, problem: 'not in the index' });
  return problems.sort((a, b) => a.version - b.version);
}
