/**
 * The messages of the join protocol (FORMATS 4). Server, client, gRPC mapping and offline enrollment read them with these parsers, so
 * that what one of them writes every other accepts, and what is refused is refused everywhere.
 */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { isCorrelationId, isUuid, name } from '../names.ts';
import { seedPeers } from '../onboarding/model.ts';
import { isLabelName } from '../onboarding/values.ts';
import {
  array,
  boolean,
  integer,
  jsonObject,
  object,
  oneOf,
  optional,
  type Parsed,
  parseDocument,
  type Parser,
  record,
  refine,
  string,
} from '../parse.ts';
import { isTokenText } from '../onboarding/model.ts';
import { digestText, instantText, versionNumber } from '../trust/manifest.ts';
import { PURPOSES } from '../trust/purpose.ts';
import { LOGGED_REASON_NAMES, REVOCATION_REASON_NAMES } from '../x509/crl-writer.ts';

/** A certification request in PEM. */
const csrPem = string({ minLength: 1, maxLength: 32 * 1024 });
const pem = string({ minLength: 1, maxLength: 1024 * 1024 });
const serial = string({ minLength: 2, maxLength: 40, pattern: /^(?:[0-9a-f]{2})+$/, describe: 'a serial number in lower-case hex' });
const correlationId = refine(string({ minLength: 1, maxLength: 128 }), (text) =>
  isCorrelationId(text) ? { value: text } : { issue: 'expected a correlation id, found something else' },
);

const labels = refine(record(string({ maxLength: 256 }), { maxMembers: 32 }), (value) =>
  Object.keys(value).every(isLabelName) ? { value } : { issue: 'expected label names of A-Z a-z 0-9 . _ / - (at most 63), found another' },
);

const token = refine(string({ minLength: 1, maxLength: 8192 }), (text) =>
  isTokenText(text) ? { value: text } : { issue: 'expected a join token, found other characters' },
);

const attestation = object({ provider: name(), evidence: jsonObject() });

const joinRequest = object({
  token,
  csr: csrPem,
  /** Needed only for a token of several clusters. */
  cluster: optional(name()),
  node_id: optional(name()),
  requested_role: optional(name()),
  environment: optional(name()),
  labels: optional(labels),
  attestation: optional(attestation),
});

const renewRequest = object({ csr: csrPem, attestation: optional(attestation) });

const reported = object({ version: versionNumber(), fingerprint: digestText(), updated_at: instantText() });

const trustReport = object({
  purposes: object({ 'control-plane-https': optional(reported), 'node-cert-lifecycle': optional(reported) }),
});

const revokeMembers = object({
  serial: optional(serial),
  fingerprint: optional(digestText()),
  spiffe_id: optional(string({ minLength: 1, maxLength: 2048 })),
  node: optional(name()),
  cluster: optional(name()),
  /** Id of a join token. */
  token: optional(string({ minLength: 6, maxLength: 64 })),
  reason: optional(oneOf(REVOCATION_REASON_NAMES)),
});

const TARGETS = ['serial', 'fingerprint', 'spiffe_id', 'node', 'token'] as const;

const revokeRequest = refine(revokeMembers, (request) => {
  const named = TARGETS.filter((target) => request[target] !== undefined);
  if (named.length !== 1) return { issue: `expected exactly one of ${TARGETS.join(', ')}, found ${named.length}` };
  if ((request.node === undefined) !== (request.cluster === undefined))
    return { issue: 'expected node and cluster together, found one of them' };
  return { value: request };
});

const mintRequest = object({
  cluster: name(),
  role: name(),
  node: optional(name()),
  /** Seconds. */
  ttl: optional(integer(1, 31536000)),
  max_uses: optional(integer(1, 1_000_000)),
  allow_reentry: optional(boolean()),
  labels: optional(labels),
});

const joinReply = object({
  cluster: name(),
  role: name(),
  /** Name of the node in its cluster. */
  node_id: name(),
  /** SPIFFE ID. */
  identity: string({ minLength: 1, maxLength: 2048 }),
  certificate_pem: pem,
  /** Authorities between the certificate and the root; empty where a root issues. */
  chain_pem: string({ maxLength: 1024 * 1024 }),
  /** `joinery/trust-chain/1` of each purpose. */
  trust: object({ 'control-plane-https': jsonObject(), 'node-cert-lifecycle': jsonObject() }),
  seed_peers: seedPeers,
  /** What the policy says about the node. */
  metadata: record(string({ maxLength: 1024 })),
  issued_at: instantText(),
  renew_after: instantText(),
  expires_at: instantText(),
  /** Correlation id of the audit records of the issuance. */
  audit_id: correlationId,
});

const peer = object({
  node: name(),
  role: name(),
  identity: string({ maxLength: 2048 }),
  fingerprint: digestText(),
  expires_at: instantText(),
  reported_at: optional(instantText()),
  trust: optional(object({ 'control-plane-https': optional(reported), 'node-cert-lifecycle': optional(reported) })),
});

const peersReply = object({
  cluster: name(),
  seed_peers: seedPeers,
  nodes: array(peer, { maxItems: 10_000 }),
  /** True when there are more nodes than the reply can hold. */
  truncated: boolean(),
});

const revocationEntry = object({
  serial,
  fingerprint: optional(digestText()),
  spiffe_id: optional(string({ maxLength: 2048 })),
  node: optional(name()),
  cluster: optional(name()),
  revoked_at: instantText(),
  /** `removeFromCRL`: a hold was ended, and the certificate counts again. */
  reason: oneOf(LOGGED_REASON_NAMES),
  /** Place in the list of the realm, from 1. */
  seq: integer(1),
});

const revocationsReply = object({
  revocations: array(revocationEntry, { maxItems: 1000 }),
  /** What to ask for next: `since`. */
  next: integer(0),
});

const revokeReply = object({
  /** Serial numbers of the certificates; empty for a token. */
  serials: array(serial, { maxItems: 100_000 }),
  /** Id of the token. */
  token: optional(string({ maxLength: 64 })),
  /** True when all of it was revoked before. */
  already: boolean(),
});

const mintReply = object({
  token,
  id: refine(string({ maxLength: 36 }), (text) => (isUuid(text) ? { value: text } : { issue: 'expected a UUID, found something else' })),
  expires_at: instantText(),
});

const caReply = object({
  /** Anchors of control-plane-https, then of node-cert-lifecycle: self-proving for whoever holds a pin. */
  anchors: array(
    object({ purpose: oneOf(PURPOSES), fingerprint: digestText(), spki_pin: string({ maxLength: 71 }), certificate_pem: pem }),
    {
      maxItems: 200,
    },
  ),
});

const challenge = object({ nonce: string({ minLength: 1, maxLength: 512 }), expires_at: instantText() });

const reportReply = object({ recorded_at: instantText() });

export type JoinRequest = Parsed<typeof joinRequest>;
export type RenewRequest = Parsed<typeof renewRequest>;
export type TrustReport = Parsed<typeof trustReport>;
export type RevokeRequest = Parsed<typeof revokeRequest>;
export type MintRequest = Parsed<typeof mintRequest>;
export type JoinReply = Parsed<typeof joinReply>;
export type PeersReply = Parsed<typeof peersReply>;
export type PeerEntry = Parsed<typeof peer>;
export type RevocationEntry = Parsed<typeof revocationEntry>;
export type RevocationsReply = Parsed<typeof revocationsReply>;
export type RevokeReply = Parsed<typeof revokeReply>;
export type MintReply = Parsed<typeof mintReply>;
export type CaReply = Parsed<typeof caReply>;
export type Challenge = Parsed<typeof challenge>;
export type ReportReply = Parsed<typeof reportReply>;

const REQUESTS = { join: joinRequest, renew: renewRequest, 'trust-report': trustReport, revoke: revokeRequest, mint: mintRequest } as const;
const REPLIES = {
  join: joinReply,
  peers: peersReply,
  revocations: revocationsReply,
  revoke: revokeReply,
  mint: mintReply,
  ca: caReply,
  challenge,
  'trust-report': reportReply,
} as const;

export type RequestName = keyof typeof REQUESTS;
export type ReplyName = keyof typeof REPLIES;
export type RequestOf<N extends RequestName> = Parsed<(typeof REQUESTS)[N]>;
export type ReplyOf<N extends ReplyName> = Parsed<(typeof REPLIES)[N]>;

/** The request that a server was sent. @throws ERR_REQUEST_MALFORMED with every wrong path. */
export function parseRequest<N extends RequestName>(kind: N, value: JsonValue): RequestOf<N> {
  return parseDocument(REQUESTS[kind] as unknown as Parser<RequestOf<N>>, value, 'request', 'ERR_REQUEST_MALFORMED');
}

/** The reply that a client was sent: as little to be trusted as a request. @throws ERR_REPLY_MALFORMED with every wrong path. */
export function parseReply<N extends ReplyName>(kind: N, value: JsonValue): ReplyOf<N> {
  return parseDocument(REPLIES[kind] as unknown as Parser<ReplyOf<N>>, value, 'reply', 'ERR_REPLY_MALFORMED');
}

/** JSON Schemas by name, for the OpenAPI document: `JoinRequest`, `JoinReply`, ... */
export function messageSchemas(): Readonly<Record<string, JsonObject>> {
  const title = (kind: string): string => kind.replaceAll(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
  return Object.fromEntries([
    ...Object.entries(REQUESTS).map(([kind, { schema }]) => [`${title(kind)}Request`, schema]),
    ...Object.entries(REPLIES).map(([kind, { schema }]) => [`${title(kind)}Reply`, schema]),
  ]) as Record<string, JsonObject>;
}
