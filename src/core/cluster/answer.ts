/**
 * What a member gets after a change: the trusted authorities, the shared certificate and its key, schema `joinery/cluster-answer/1`.
 * It is signed by the key of the oldest trusted authority, because anybody can encrypt to a public key, and then sealed to the key of
 * the one node. Neither the shared certificate nor its key opens it or makes one.
 */
import { canonicalBytes, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, fromBase64Url, parsePem, toBase64Url, utf8 } from '../encoding.ts';
import { type ErrorCode, JoineryError } from '../errors.ts';
import { joseAlgorithmOf, jwkThumbprint, publicJwk } from '../jwk.ts';
import { name } from '../names.ts';
import { integer, object, oneOf, type Parsed, parseDocument, string } from '../parse.ts';
import type { SigningKey, VerifyJws } from '../key-ports.ts';
import { verifyAnyJws } from '../token/jws.ts';
import { type AnyVerificationKey } from '../token/jws-keys.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { PHASES } from './record.ts';

export const ANSWER_TYPE = 'joinery-cluster-answer+jws';
/** Three certificates, a key, and what wraps them twice. */
export const MAX_ANSWER_BYTES = 256 * 1024;

const answer = object({
  schema: oneOf(['joinery/cluster-answer/1']),
  cluster: name(),
  node: name(),
  phase: oneOf(PHASES),
  sequence: integer(1),
  generation: integer(1),
  issued_at: integer(),
  /** Trusted authorities, PEM, the older first. */
  ca_pem: string(),
  certificate_pem: string(),
  /** PKCS #8. */
  key_pem: string(),
});

export type ClusterAnswer = Parsed<typeof answer>;

/** Compact JWS (RFC 7515) by an authority. */
export async function signAnswer(content: ClusterAnswer, key: SigningKey): Promise<string> {
  const jwk = publicJwk(key.spki, 'cluster authority');
  const header = { alg: joseAlgorithmOf(jwk), kid: jwkThumbprint(jwk), typ: ANSWER_TYPE };
  const input = `${toBase64Url(canonicalBytes(header))}.${toBase64Url(canonicalBytes({ ...content }))}`;
  return `${input}.${toBase64Url(await key.sign(utf8(input), 'ieee-p1363'))}`;
}

export interface AnswerTrust {
  /** Authorities that the member trusts already; or `fingerprint`, for its first answer. */
  readonly authorities: readonly Certificate[];
  /** Of the authority that a join token pins, lower-case hex. */
  readonly fingerprint?: string | undefined;
  readonly verifyJws: VerifyJws;
}

/**
 * Verifies an unsealed answer.
 * @throws ERR_CLUSTER_ANSWER when it has another form, ERR_CLUSTER_ANSWER_UNTRUSTED when no trusted authority signed it.
 */
export async function openAnswer(jws: string, trust: AnswerTrust): Promise<ClusterAnswer> {
  const pinned = trust.fingerprint === undefined ? [] : claimedAuthorities(jws).filter((ca) => ca.fingerprint === trust.fingerprint);
  const keys = [...trust.authorities, ...pinned].flatMap(keyOf);
  const verified = await recoded('ERR_CLUSTER_ANSWER_UNTRUSTED', () =>
    verifyAnyJws(jws, { keys, algorithms: ['ES256', 'ES384', 'EdDSA'], verifyJws: trust.verifyJws }),
  );
  if (verified.header['typ'] !== ANSWER_TYPE)
    throw new JoineryError(
      'ERR_CLUSTER_ANSWER_UNTRUSTED',
      'answer: expected the signature of a cluster answer, found one of another document',
    );
  return readAnswer(verified.payload);
}

function keyOf(ca: Certificate): AnyVerificationKey[] {
  if (ca.publicKey.key.kind !== 'ec' && ca.publicKey.key.kind !== 'ed25519') return [];
  const jwk = publicJwk(ca.spki, 'cluster authority');
  return [{ kid: jwkThumbprint(jwk), algorithms: [joseAlgorithmOf(jwk)], material: { ...jwk } as JsonObject }];
}

function readAnswer(payload: Uint8Array): ClusterAnswer {
  const what = 'cluster answer';
  const value = parseStrictJson(decodeUtf8(payload, what), what);
  return parseDocument(answer, value, what, 'ERR_CLUSTER_ANSWER');
}

/** The authorities that an answer names: before its signature is known to hold, so only to look one up by a hash. */
function claimedAuthorities(jws: string): readonly Certificate[] {
  return authoritiesOf(readClaimed(jws));
}

function readClaimed(jws: string): ClusterAnswer {
  try {
    return readAnswer(fromBase64Url(jws.split('.')[1] ?? '', 'cluster answer'));
  } catch (error) {
    throw new JoineryError('ERR_CLUSTER_ANSWER', (error as JoineryError).message, { cause: error });
  }
}

/** @throws ERR_PEM_MALFORMED, ERR_CERTIFICATE_MALFORMED */
export function authoritiesOf({ ca_pem }: Pick<ClusterAnswer, 'ca_pem'>): readonly Certificate[] {
  return certificatesIn(ca_pem, 'ca_pem of the answer');
}

/** @throws ERR_PEM_MALFORMED, ERR_CERTIFICATE_MALFORMED */
export function certificatesIn(pem: string, what: string): readonly Certificate[] {
  return parsePem(pem, what).map(({ der }) => parseCertificate(der, what));
}

async function recoded<T>(code: ErrorCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new JoineryError(code, `answer: ${(error as JoineryError).message}`, {
      hint: 'it must be signed by an authority that this node trusts: --held names what it holds, --ca-fingerprint what its token pins',
      cause: error,
    });
  }
}

/** What a member holds: `cluster.json` in the directory that an answer was unsealed into. */
const held = object({
  schema: oneOf(['joinery/cluster-held/1']),
  cluster: name(),
  node: name(),
  phase: oneOf(PHASES),
  sequence: integer(1),
  generation: integer(1),
});

export type HeldState = Parsed<typeof held>;

export function heldBytes({ cluster, node, phase, sequence, generation }: ClusterAnswer): Uint8Array {
  return canonicalBytes({ schema: 'joinery/cluster-held/1', cluster, node, phase, sequence, generation });
}

/** @throws ERR_INPUT_MALFORMED, ERR_JSON_MALFORMED */
export function parseHeld(bytes: Uint8Array, what: string): HeldState {
  const value = parseStrictJson(decodeUtf8(bytes, what), what);
  return parseDocument(held, value, what);
}

/** An answer never takes a member back, and never into another cluster. @throws ERR_CLUSTER_ANSWER_OLD, ERR_CLUSTER_ANSWER_UNTRUSTED */
export function assertNewer(content: ClusterAnswer, state: HeldState): void {
  if (content.cluster !== state.cluster || content.node !== state.node) {
    throw new JoineryError(
      'ERR_CLUSTER_ANSWER_UNTRUSTED',
      `answer: expected one for ${state.node} of cluster ${state.cluster}, found one for ${content.node} of ${content.cluster}`,
    );
  }
  if (content.sequence > state.sequence) return;
  throw new JoineryError(
    'ERR_CLUSTER_ANSWER_OLD',
    `answer: expected one after ${state.sequence}, which is held, found ${content.sequence}`,
  );
}
