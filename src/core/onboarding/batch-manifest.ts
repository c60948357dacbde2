/**
 * The manifest of many packages, `joinery/package-batch/1`: what they share, and the digest of the index that names every file of every
 * node. One signature covers all of them; the digests of the index are what tells that each arrived whole.
 */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { type Digest, isDigest } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import { dnsName, isName, name } from '../names.ts';
import { integer, object, oneOf, optional, type Parsed, parseDocument } from '../parse.ts';
import { digestText, instantText } from '../trust/manifest.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { FORMAT_TABLE, type FormatName, FORMATS } from './formats/table.ts';
import { TARGETS } from './limits.ts';
import { GZIP_PATH, pin, pinOf, TOKEN_PATH, tokenOverride, urlOverride } from './manifest.ts';
import type { Onboarding } from './model.ts';

export const INDEX_PATH = 'index.jsonl';
/** What lies around the index and the files of the nodes. */
export const BATCH_PATHS = { manifest: 'batch.json', signature: 'batch.sig.json', sums: 'SHA256SUMS' } as const;

const batchManifest = object({
  schema: oneOf(['joinery/package-batch/1']),
  format: oneOf(FORMATS),
  target: optional(oneOf(TARGETS)),
  compression: optional(oneOf(['gzip'])),
  created_at: instantText(),
  environment: object({ name: name(), domain: dnsName() }),
  cluster: name(),
  role: name(),
  trust: object({ 'control-plane-https': pin, 'node-cert-lifecycle': pin }),
  /** Of every node's token; none where none was minted. */
  token: optional(object({ expires_at: instantText(), delivery: oneOf(['embedded', 'systemd-credential', 'file-later']) })),
  token_override: optional(tokenOverride),
  url_override: optional(urlOverride),
  nodes: integer(1),
  index_sha256: digestText(),
});

export type BatchManifest = Parsed<typeof batchManifest>;

/** @throws ERR_PACKAGE_MALFORMED with every wrong path. */
export function parseBatchManifest(value: JsonValue, what: string): BatchManifest {
  return parseDocument(batchManifest, value, what, 'ERR_PACKAGE_MALFORMED');
}

export type BatchFacts = Omit<BatchManifest, 'schema' | 'created_at' | 'environment' | 'cluster' | 'role' | 'trust'>;

export function describeBatch(
  { created_at, environment, cluster, role, trust }: Onboarding,
  facts: BatchFacts,
): BatchManifest & JsonObject {
  const pins = Object.fromEntries(PURPOSES.map((purpose) => [purpose, pinOf(trust[purpose])])) as BatchManifest['trust'];
  return { schema: 'joinery/package-batch/1', created_at, environment, cluster, role, trust: pins, ...facts } as BatchManifest & JsonObject;
}

/** One file of one node. */
export interface IndexEntry {
  readonly node: string;
  readonly path: string;
  readonly sha256: Digest;
}

/** Where a file of a node lies in the directory: cloud-init wants the two files of a seed under their own names. */
export function batchPath(format: FormatName, node: string, path: string): string {
  return FORMAT_TABLE[format].paths.length > 1 && path !== TOKEN_PATH ? `nodes/${node}/${path}` : `nodes/${node}.${path}`;
}

/** What there is of each node. */
export function batchPaths({ format, compression, token }: Pick<BatchManifest, 'format' | 'compression' | 'token'>): readonly string[] {
  const artifacts = FORMAT_TABLE[format].paths.map((path) => (compression === 'gzip' && path === 'user-data' ? GZIP_PATH : path));
  return token === undefined || token.delivery === 'embedded' ? artifacts : [...artifacts, TOKEN_PATH];
}

/** A line is canonical JSON, written by hand: neither a node nor a path holds anything to escape. */
export function indexLine({ node, path, sha256 }: IndexEntry): string {
  return `{"node":"${node}","path":"${path}","sha256":"${sha256}"}\n`;
}

/**
 * Reads what {@link indexLine} writes, and nothing wider.
 * @returns the entries of each node, in the order of the file.
 * @throws ERR_PACKAGE_MALFORMED with the line, also for a file that is not one of the node's, missing, or there twice.
 */
export function parseIndex(text: string, manifest: BatchManifest): ReadonlyMap<string, readonly IndexEntry[]> {
  const nodes = new Map<string, IndexEntry[]>();
  for (const [index, line] of text.split('\n').slice(0, -1).entries()) {
    const entry = readLine(line);
    if (entry === undefined) throw wrongIndex(`line ${index + 1}: expected a node, a path and a digest, found another line`);
    const entries = nodes.get(entry.node) ?? [];
    entries.push(entry);
    nodes.set(entry.node, entries);
  }
  const paths = batchPaths(manifest);
  for (const [node, entries] of nodes) {
    const expected = paths.map((path) => batchPath(manifest.format, node, path));
    if (entries.map(({ path }) => path).join('\n') !== expected.join('\n'))
      throw wrongIndex(`${node}: expected ${expected.join(', ')}, found others`);
  }
  if (nodes.size !== manifest.nodes) throw wrongIndex(`expected ${manifest.nodes} nodes, found ${nodes.size}`);
  return nodes;
}

function wrongIndex(message: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_MALFORMED', `${INDEX_PATH}: ${message}`);
}

function readLine(line: string): IndexEntry | undefined {
  const [, node = '', path = '', sha256 = ''] = /^\{"node":"([^"\\]+)","path":"([^"\\]+)","sha256":"([^"\\]+)"\}$/.exec(line) ?? [];
  return isName(node) && isDigest(sha256) ? { node, path, sha256 } : undefined;
}
