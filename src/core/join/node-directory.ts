/**
 * The part of the node directory (FORMATS 3) that changes with the identity of the node. Every generation of the identity is a directory
 * of its own that never changes; the link `identity/current` says which one counts, so that key, certificate and chain switch together.
 */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { isCorrelationId, name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';
import { digestText, instantText, versionNumber } from '../trust/manifest.ts';

export interface IdentityLayout {
  readonly identity: string;
  /** Symbolic link to a generation, relative: `gen-3`. */
  readonly current: string;
  readonly pending: string;
  /** A key that was sent to a server, until its certificate is installed: a lost reply is asked for again with it. */
  readonly pendingKey: string;
  /** What that key is for: `join`, or the serial number of the certificate that it renews. */
  readonly pendingFor: string;
  readonly status: string;
}

export function identityLayout(directory: string): IdentityLayout {
  return {
    identity: `${directory}/identity`,
    current: `${directory}/identity/current`,
    pending: `${directory}/pending`,
    pendingKey: `${directory}/pending/node.key`,
    pendingFor: `${directory}/pending/for`,
    status: `${directory}/status.json`,
  };
}

export interface GenerationFiles {
  readonly directory: string;
  readonly key: string;
  readonly certificate: string;
  /** Authorities between the certificate and its anchor; empty where an anchor issued it. */
  readonly chain: string;
  readonly meta: string;
}

/** @param generation its name: `gen-3`. */
export function generationFiles(directory: string, generation: string): GenerationFiles {
  const root = `${directory}/identity/${generation}`;
  return {
    directory: root,
    key: `${root}/node.key`,
    certificate: `${root}/node.crt`,
    chain: `${root}/chain.crt`,
    meta: `${root}/meta.json`,
  };
}

/** @returns the number of a generation, undefined for another name. */
export function generationNumber(entry: string): number | undefined {
  const [, digits] = /^gen-([1-9]\d{0,8})$/.exec(entry) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

const meta = object({
  schema: oneOf(['joinery/node-identity/1']),
  /** SPIFFE ID. */
  identity: string({ minLength: 1, maxLength: 2048 }),
  serial: string({ maxLength: 40, pattern: /^(?:[0-9a-f]{2})+$/, describe: 'a serial number in lower-case hex' }),
  fingerprint: digestText(),
  /** Of the server's audit records. */
  audit_id: refine(string({ maxLength: 128 }), (text) =>
    text === '' || isCorrelationId(text) ? { value: text } : { issue: 'expected a correlation id, found something else' },
  ),
  installed_at: instantText(),
  cluster: optional(name()),
  role: optional(name()),
  node: optional(name()),
  issued_at: optional(instantText()),
  renew_after: optional(instantText()),
  expires_at: optional(instantText()),
});

/** `meta.json` of a generation. The certificate beside it is what counts; this is what it does not say. */
export type NodeMeta = Parsed<typeof meta>;

/** @throws ERR_NODE_DIRECTORY with every wrong path. */
export function parseNodeMeta(value: JsonValue, what: string): NodeMeta {
  return parseDocument(meta, value, what, 'ERR_NODE_DIRECTORY');
}

const OPERATIONS = ['join', 'renew', 'install'] as const;

const trustLine = object({ version: versionNumber(), fingerprint: digestText() });

const status = object({
  schema: oneOf(['joinery/node-status/1']),
  updated_at: instantText(),
  operation: oneOf(OPERATIONS),
  result: oneOf(['ok', 'failed']),
  /** Of a failure. */
  code: optional(string({ maxLength: 64, pattern: /^ERR_[A-Z0-9_]+$/, describe: 'an error code' })),
  identity: optional(string({ maxLength: 2048 })),
  serial: optional(string({ maxLength: 40 })),
  generation: optional(integer(1)),
  renew_after: optional(instantText()),
  expires_at: optional(instantText()),
  audit_id: optional(string({ maxLength: 128 })),
  trust: optional(object({ 'control-plane-https': optional(trustLine), 'node-cert-lifecycle': optional(trustLine) })),
  /** Where the node joined. */
  urls: optional(array(string({ maxLength: 2048 }), { maxItems: 20 })),
});

/** `status.json`: what the last run that changed something, or failed to, left behind for monitoring. */
export type NodeStatusDocument = Parsed<typeof status>;

/** @throws ERR_NODE_DIRECTORY with every wrong path. */
export function parseNodeStatus(value: JsonValue, what: string): NodeStatusDocument {
  return parseDocument(status, value, what, 'ERR_NODE_DIRECTORY');
}

/** The published JSON Schemas of the two documents. */
export function nodeDocumentSchemas(): Readonly<Record<'node-identity-1' | 'node-status-1', JsonObject>> {
  const published = (file: string, title: string, schema: JsonObject): JsonObject => ({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://joinery.dev/schema/${file}.json`,
    title,
    ...schema,
  });
  return {
    'node-identity-1': published('node-identity-1', 'joinery identity of a node (meta.json)', meta.schema),
    'node-status-1': published('node-status-1', 'joinery status of a node (status.json)', status.schema),
  };
}
