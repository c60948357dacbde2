/** What the store holds of nodes that joined: `node/<cluster>/<node>`, and of each of their certificates `node-cert/<serial>`. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { isJsonObject } from '../core/canonical-json.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { name } from '../core/names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, type Parser, record, string } from '../core/parse.ts';
import type { VerifiedAttestation } from '../core/policy/attestation.ts';
import type { Store, StoreCheck, StoreWrite } from '../core/ports.ts';
import type { Instant } from '../core/time.ts';
import { REVOCATION_REASON_NAMES } from '../core/x509/crl-writer.ts';
import type { IssuedLeaf } from './leaf-issuer.ts';

/** Certificates of one node that have not ended: more of them are refused. */
export const MAX_LIVE_CERTIFICATES = 100;

const claims: Parser<JsonObject> = {
  schema: { type: 'object' },
  read: (value) => (isJsonObject(value) ? value : {}),
};

const attestation = object({
  provider: string({ maxLength: 63 }),
  claims,
  issued_at: integer(),
  digest: string({ maxLength: 64 }),
  /** When it was verified: renewals are judged by it. */
  verified_at: integer(),
});

/** Who a certificate of a node speaks for: what its renewal starts from. */
const grantMembers = {
  cluster: name(),
  node: name(),
  role: name(),
  /** SPIFFE ID. */
  identity: string({ maxLength: 2048 }),
  labels: record(string()),
  /** `<format>/<id>` of the join token that began it. */
  token: string({ maxLength: 400 }),
  attestation: optional(attestation),
};

const certificateMembers = {
  /** Lower-case hex. */
  serial: string({ maxLength: 40 }),
  fingerprint: string({ maxLength: 64 }),
  spki_pin: string({ maxLength: 71 }),
  /** Instants. */
  issued_at: integer(),
  not_after: integer(),
  /** Grows when the node enters again under another key: certificates of an earlier epoch are not renewed. */
  epoch: integer(1),
};

const nodeRecord = object({
  ...grantMembers,
  /** Of the newest certificate. */
  ...certificateMembers,
  joined_at: integer(),
  /** All that had not ended when the newest was issued, the newest included: what a revocation of the node revokes. */
  certificates: array(object({ serial: string({ maxLength: 40 }), not_after: integer(), issued_at: optional(integer()) }), {
    maxItems: MAX_LIVE_CERTIFICATES,
  }),
  revoked: optional(object({ at: integer(), reason: oneOf(REVOCATION_REASON_NAMES) })),
});

const nodeCertificate = object({ ...grantMembers, ...certificateMembers });

export type NodeRecord = Parsed<typeof nodeRecord>;
export type NodeCertificate = Parsed<typeof nodeCertificate>;

export const NODES = 'node/';
export const nodePrefix = (cluster: string): string => `${NODES}${cluster}/`;
export const nodeKey = (cluster: string, node: string): string => `${nodePrefix(cluster)}${node}`;
export const NODE_CERTIFICATE_PREFIX = 'node-cert/';
const nodeCertificateKey = (serial: string): string => `${NODE_CERTIFICATE_PREFIX}${serial}`;
export const fingerprintKey = (fingerprint: string): string => `node-fingerprint/${fingerprint}`;
/** An identity may be longer than a key, and several nodes may share one. */
export const identityPrefix = (identity: string): string => `node-identity/${digestOf(utf8(identity))}/`;
export const EVIDENCE = 'evidence/';
export const evidenceKey = (digest: Digest): string => `${EVIDENCE}${digest}`;
/** A key whose certificate was revoked: it gets no other. */
export const revokedKeyKey = (pin: string): string => `revoked-key/${pin}`;
export const renewalKey = (serial: string): string => `renewal/${serial}`;

/** A record with the check that it is unchanged when the commit comes. */
export interface FoundNode {
  readonly record: NodeRecord | undefined;
  readonly check: StoreCheck;
}

const what = (key: string): string => `state.db, record ${key}`;

export function parseNode(key: string, value: JsonValue): NodeRecord {
  return parseDocument(nodeRecord, value, what(key), 'ERR_REALM_MALFORMED');
}

/** @throws ERR_REALM_MALFORMED */
export async function findNode(store: Store, cluster: string, node: string): Promise<FoundNode> {
  const key = nodeKey(cluster, node);
  const entry = await store.get(key);
  return { record: entry && parseNode(key, entry.value), check: { key, version: entry?.version ?? 'absent' } };
}

/** @throws ERR_NODE_NOT_FOUND, ERR_REALM_MALFORMED */
export async function readNode(
  store: Store,
  cluster: string,
  node: string,
): Promise<{ readonly record: NodeRecord; readonly check: StoreCheck }> {
  const { record: found, check } = await findNode(store, cluster, node);
  if (found !== undefined) return { record: found, check };
  throw new JoineryError('ERR_NODE_NOT_FOUND', `node: expected one that joined cluster ${cluster}, found ${node}`, {
    hint: 'joinery enrollment list shows them',
  });
}

/** @throws ERR_REALM_MALFORMED */
export async function findNodeCertificate(store: Store, serial: string): Promise<NodeCertificate | undefined> {
  const key = nodeCertificateKey(serial);
  const entry = await store.get(key);
  return entry && parseNodeCertificate(key, entry.value);
}

export function parseNodeCertificate(key: string, value: JsonValue): NodeCertificate {
  return parseDocument(nodeCertificate, value, what(key), 'ERR_REALM_MALFORMED');
}

export type NodeGrant = Pick<NodeCertificate, 'cluster' | 'node' | 'role' | 'identity' | 'labels' | 'token' | 'attestation'>;

/** Evidence as it is kept. */
export function attestationRecord(
  { provider, claims: verified, issuedAt, digest }: VerifiedAttestation,
  now: Instant,
): NonNullable<NodeGrant['attestation']> {
  return { provider, claims: verified, issued_at: issuedAt, digest, verified_at: now };
}

/** Evidence as policies see it. */
export function attestationOf(kept: NonNullable<NodeGrant['attestation']>): VerifiedAttestation {
  return { provider: kept.provider, claims: kept.claims, issuedAt: kept.issued_at as Instant, digest: kept.digest as Digest };
}

/**
 * The writes that make `leaf` the certificate of a node.
 * @param before the node as it was.
 */
export function nodeWrites(grant: NodeGrant, leaf: IssuedLeaf, now: Instant, before: NodeRecord | undefined): readonly StoreWrite[] {
  const { serial, fingerprint, pin, validity } = leaf;
  const epoch = epochOf(leaf, before);
  const certificate = { serial, fingerprint, spki_pin: pin, issued_at: now, not_after: validity.notAfter, epoch };
  const { cluster, node, identity } = grant;
  const live = (before?.certificates ?? []).filter(({ not_after }) => not_after > now);
  const record: NodeRecord = {
    ...grant,
    ...certificate,
    joined_at: before?.joined_at ?? now,
    certificates: [...live, { serial, not_after: validity.notAfter, issued_at: now }],
  };
  return [
    { key: nodeKey(cluster, node), value: asJson(record) },
    { key: nodeCertificateKey(serial), value: asJson({ ...grant, ...certificate }) },
    { key: fingerprintKey(fingerprint), value: serial },
    { key: `${identityPrefix(identity)}${cluster}/${node}`, value: { cluster, node } },
  ];
}

function epochOf({ renews, pin }: IssuedLeaf, before: NodeRecord | undefined): number {
  if (before === undefined) return 1;
  return renews !== undefined || before.spki_pin === pin ? before.epoch : before.epoch + 1;
}

/** A record as the JSON that it is; the compiler does not see it, because interfaces have no index signature. */
export function asJson(record: object): JsonObject {
  return record as JsonObject;
}
