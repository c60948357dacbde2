/** Between the messages of src/proto and the JSON of the same calls under /v1 (FORMATS 4): the gRPC call is that call, and no other. */
import { type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import type {
  CaReply,
  Challenge,
  JoinReply,
  MintReply,
  PeersReply,
  ReportReply,
  RevocationEntry,
  RevokeReply,
} from '../core/join/messages.ts';
import type { SeedPeers } from '../core/onboarding/model.ts';
import type * as proto from '../proto/gen/joinery/v1/bootstrap_pb.ts';

type Texts = { readonly [name: string]: string };

/** A map without members is one that was not sent. */
const members = (texts: Texts): JsonObject | undefined => (Object.keys(texts).length === 0 ? undefined : texts);

const number = (value: bigint | undefined): number | undefined => (value === undefined ? undefined : Number(value));

/** @throws ERR_JSON_MALFORMED */
function attestation(sent: proto.Attestation | undefined): JsonObject | undefined {
  if (sent === undefined) return undefined;
  return { provider: sent.provider, evidence: parseStrictJson(sent.evidence, 'attestation.evidence', { maxDepth: 32 }) };
}

/** @throws ERR_JSON_MALFORMED for evidence that is not strict JSON */
export function joinRequest(sent: proto.JoinRequest): JsonObject {
  const { token, csr, cluster, nodeId, requestedRole, environment, labels } = sent;
  return {
    token,
    csr,
    cluster,
    node_id: nodeId,
    requested_role: requestedRole,
    environment,
    labels: members(labels),
    attestation: attestation(sent.attestation),
  };
}

/** @throws ERR_JSON_MALFORMED for evidence that is not strict JSON */
export function renewRequest(sent: proto.RenewRequest): JsonObject {
  return { csr: sent.csr, attestation: attestation(sent.attestation) };
}

export function trustReport({ purposes }: proto.TrustReport): JsonObject {
  const reported = Object.entries(purposes).map(([purpose, { version, fingerprint, updatedAt }]): [string, JsonValue] => [
    purpose,
    { version: Number(version), fingerprint, updated_at: updatedAt },
  ]);
  return { purposes: Object.fromEntries(reported) };
}

export function revokeRequest({ serial, fingerprint, spiffeId, node, cluster, token, reason }: proto.RevokeRequest): JsonObject {
  return { serial, fingerprint, spiffe_id: spiffeId, node, cluster, token, reason };
}

export function mintRequest({ cluster, role, node, ttl, maxUses, allowReentry, labels }: proto.MintTokenRequest): JsonObject {
  return { cluster, role, node, ttl: number(ttl), max_uses: number(maxUses), allow_reentry: allowReentry, labels: members(labels) };
}

export function joinReply(reply: JoinReply) {
  const { cluster, role, identity, metadata } = reply;
  return {
    cluster,
    role,
    identity,
    nodeId: reply.node_id,
    certificatePem: reply.certificate_pem,
    chainPem: reply.chain_pem,
    trust: Object.fromEntries(Object.entries(reply.trust).map(([purpose, chain]) => [purpose, JSON.stringify(chain)])),
    seedPeers: seedPeers(reply.seed_peers),
    metadata: { ...metadata },
    issuedAt: reply.issued_at,
    renewAfter: reply.renew_after,
    expiresAt: reply.expires_at,
    auditId: reply.audit_id,
  };
}

function seedPeers({ schema, cluster, version, peers }: SeedPeers) {
  return {
    schema,
    cluster,
    version: BigInt(version),
    peers: peers.map(({ address, role, labels }) => ({ address, ...(role !== undefined && { role }), labels: { ...labels } })),
  };
}

export function peersReply({ cluster, seed_peers, nodes, truncated }: PeersReply, etag: string) {
  return {
    etag,
    cluster,
    seedPeers: seedPeers(seed_peers),
    truncated,
    nodes: nodes.map(({ node, role, identity, fingerprint, expires_at, reported_at, trust = {} }) => ({
      node,
      role,
      identity,
      fingerprint,
      expiresAt: expires_at,
      ...(reported_at !== undefined && { reportedAt: reported_at }),
      trust: Object.fromEntries(
        Object.entries(trust).flatMap(([purpose, state]) =>
          state === undefined
            ? []
            : [[purpose, { version: BigInt(state.version), fingerprint: state.fingerprint, updatedAt: state.updated_at }]],
        ),
      ),
    })),
  };
}

export function caReply({ anchors }: CaReply) {
  return {
    anchors: anchors.map(({ purpose, fingerprint, spki_pin, certificate_pem }) => ({
      purpose,
      fingerprint,
      spkiPin: spki_pin,
      certificatePem: certificate_pem,
    })),
  };
}

export function revocation({ serial, fingerprint, spiffe_id, node, cluster, revoked_at, reason, seq }: RevocationEntry) {
  return {
    serial,
    ...(fingerprint !== undefined && { fingerprint }),
    ...(spiffe_id !== undefined && { spiffeId: spiffe_id }),
    ...(node !== undefined && { node }),
    ...(cluster !== undefined && { cluster }),
    revokedAt: revoked_at,
    reason,
    seq: BigInt(seq),
  };
}

export const challenge = ({ nonce, expires_at }: Challenge) => ({ nonce, expiresAt: expires_at });
export const reportReply = ({ recorded_at }: ReportReply) => ({ recordedAt: recorded_at });
export const mintReply = ({ token, id, expires_at }: MintReply) => ({ token, id, expiresAt: expires_at });
export const revokeReply = ({ serials, token, already }: RevokeReply) => ({
  serials: [...serials],
  ...(token !== undefined && { token }),
  already,
});
