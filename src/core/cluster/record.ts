/** What a realm remembers of a shared cluster certificate: `cluster/<name>`, schema `joinery/cluster/1`. */
import type { JsonValue } from '../canonical-json.ts';
import { type PublicJwk, publicJwkParser } from '../jwk.ts';
import { name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';
import { KEY_TYPES } from '../key-ports.ts';

/**
 * Where a rotation of the authority stands. `stable`: one authority. `trust-new`: members are to trust a second one, the first still
 * issues. `issue-new`: the second issues, the first is still trusted.
 */
export const PHASES = ['stable', 'trust-new', 'issue-new'] as const;
export type Phase = (typeof PHASES)[number];

/** A member's key for answers: ECDH-ES on P-256 (RFC 7518 section 4.6). */
export const memberKey = refine(publicJwkParser, (jwk: PublicJwk) =>
  jwk.crv === 'P-256' ? { value: jwk } : { issue: `expected a key on P-256, found ${jwk.crv}` },
);

const certificate = object({
  /** Lower-case hex. */
  serial: string({ maxLength: 40, pattern: /^[0-9a-f]+$/ }),
  ca: name(),
  /** Grows with every certificate of the cluster. */
  generation: integer(1),
  pem: string(),
  key: object({ custody: oneOf(['offline', 'online']), file: string(), type: oneOf(KEY_TYPES) }),
  /** Instants. */
  issued_at: integer(),
  not_after: integer(),
});

const superseded = object({
  serial: string({ maxLength: 40 }),
  ca: name(),
  generation: integer(1),
  /** Instants. Until the second one members may still present it. */
  since: integer(),
  overlap_until: integer(),
});

const member = object({
  node: name(),
  key: memberKey,
  added_at: integer(),
  /** Sequence number of the newest answer that the node is known to have installed; 0 for none. */
  confirmed: integer(),
});

const evicted = object({
  node: name(),
  /** RFC 7638 thumbprint of the key that gets no answer any more. */
  key_thumbprint: string({ maxLength: 43 }),
  at: integer(),
  reason: optional(string({ maxLength: 1024 })),
});

const record = object({
  schema: oneOf(['joinery/cluster/1']),
  name: name(),
  role: name(),
  phase: oneOf(PHASES),
  /** Of the state that an answer carries: grows with every change that members must learn of. */
  sequence: integer(1),
  /** Sequence number with which the phase began. */
  phase_sequence: integer(1),
  /** Trusted ones, the older first; its key signs the answers. */
  authorities: array(name(), { minItems: 1, maxItems: 2 }),
  certificate,
  /** Names asked for beyond those that are always in a cluster certificate: `dns:a.example`, `ip:10.0.0.1`. */
  names: array(string(), { maxItems: 100 }),
  superseded: array(superseded),
  /** Id of the join token. */
  token: string({ maxLength: 64 }),
  members: array(member, { maxItems: 10_000 }),
  evicted: array(evicted, { maxItems: 10_000 }),
});

export type ClusterRecord = Parsed<typeof record>;
export type ClusterMember = ClusterRecord['members'][number];
export type SharedCertificate = ClusterRecord['certificate'];

/** @throws ERR_REALM_MALFORMED */
export function parseClusterRecord(value: JsonValue, what: string): ClusterRecord {
  return parseDocument(record, value, what, 'ERR_REALM_MALFORMED');
}

/** The authority that issues the shared certificate in this phase. */
export function issuingAuthority({ phase, authorities }: Pick<ClusterRecord, 'phase' | 'authorities'>): string {
  return (phase === 'issue-new' ? authorities.at(-1) : authorities[0]) as string;
}
