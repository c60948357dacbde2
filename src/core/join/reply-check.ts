/**
 * Whether the answer to a join or a renewal is what was asked for. The server is proved by then; it may still be wrong, confused, or
 * in other hands than yesterday: a certificate is installed only if it is mine, of my key, under the anchors whose digest I was given.
 */
import type { JsonValue } from '../canonical-json.ts';
import { equalBytes, parsePem } from '../encoding.ts';
import { type ErrorCode, isJoineryError, JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import { parseChain } from '../trust/chain.ts';
import { instantOf } from '../trust/manifest.ts';
import type { Purpose } from '../trust/purpose.ts';
import type { Offer } from '../trust/walk.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { OID } from '../x509/oids.ts';
import { validatePath } from '../x509/path.ts';
import type { JoinReply } from './messages.ts';

/** What of a reply this looks at: offline answers and certificate chains of other clients have it too. */
export type CheckableReply = Pick<
  JoinReply,
  'cluster' | 'role' | 'node_id' | 'identity' | 'certificate_pem' | 'chain_pem' | 'renew_after' | 'expires_at'
>;

export interface ReplyExpectation {
  /** DER of SubjectPublicKeyInfo of the key that was sent. */
  readonly spki: Uint8Array;
  /** Of the token, the package, or the operator; undefined where nobody said it. */
  readonly cluster?: string | undefined;
  readonly role?: string | undefined;
  readonly node?: string | undefined;
  /** On a renewal: the SPIFFE ID of the certificate that is renewed. */
  readonly identity?: string | undefined;
  /** Of node-cert-lifecycle, from the version that this node has walked to. */
  readonly anchors: readonly Certificate[];
  readonly now: Instant;
  readonly verifySignature: VerifySignature;
}

export interface CheckedReply {
  readonly certificate: Certificate;
  /** From the certificate's issuer on, without the anchor. */
  readonly chain: readonly Certificate[];
}

/** Clocks of node and server may differ by this (FORMATS 6: certificates begin 60 s before they are made). */
const SKEW = 60;
const MAX_CHAIN = 8;

/** The versions of a purpose that a reply carries. @throws ERR_TRUST_ENVELOPE_MALFORMED */
export function offersOf({ trust }: Pick<JoinReply, 'trust'>, purpose: Purpose): readonly Offer[] {
  const what = `reply: trust: ${purpose}`;
  return parseChain(trust[purpose] as JsonValue, what).map((version) => ({ version, what }));
}

/** @throws ERR_REPLY_MALFORMED, ERR_REPLY_KEY, ERR_REPLY_IDENTITY, ERR_REPLY_VALIDITY, ERR_REPLY_UNTRUSTED */
export function checkReply(reply: CheckableReply, expected: ReplyExpectation): CheckedReply {
  const certificate = leafOf(reply);
  const chain = readCertificates(reply.chain_pem, 'reply: chain_pem', MAX_CHAIN);
  if (!equalBytes(certificate.spki, expected.spki)) {
    throw new JoineryError(
      'ERR_REPLY_KEY',
      'reply: certificate_pem: expected a certificate of the key of this node, found one of another',
      {
        details: { pin: certificate.pin },
      },
    );
  }
  assertIdentity(reply, certificate, expected);
  assertValidity(reply, certificate, expected.now);
  assertTrusted(certificate, chain, expected);
  return { certificate, chain };
}

function leafOf(reply: CheckableReply): Certificate {
  const [certificate] = readCertificates(reply.certificate_pem, 'reply: certificate_pem', 1);
  if (certificate !== undefined) return certificate;
  throw new JoineryError('ERR_REPLY_MALFORMED', 'reply: certificate_pem: expected one certificate, found none');
}

function readCertificates(pem: string, what: string, most: number): readonly Certificate[] {
  try {
    const blocks = parsePem(pem, what);
    if (blocks.length > most || blocks.some(({ label }) => label !== 'CERTIFICATE'))
      throw malformed(`${what}: expected at most ${most} certificates and nothing else, found something else`);
    return blocks.map(({ der }, index) => parseCertificate(der, `${what}: certificate ${index + 1}`));
  } catch (error) {
    throw isJoineryError(error, 'ERR_REPLY_MALFORMED') ? error : malformed((error as JoineryError).message, error);
  }
}

function malformed(message: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_REPLY_MALFORMED', message, cause === undefined ? {} : { cause });
}

/** SPIFFE X509-SVID section 2: exactly one URI; and it is the one that the reply says, for the one who asked. */
function assertIdentity(reply: CheckableReply, { extensions }: Certificate, expected: ReplyExpectation): void {
  const uris = (extensions.subjectAltName ?? []).flatMap((name) => (name.kind === 'uri' ? [name.value] : []));
  const pairs: readonly (readonly [what: string, wanted: string | undefined, found: string])[] = [
    ['certificate_pem: URI', reply.identity, uris.join(', ') || 'none'],
    ['cluster', expected.cluster, reply.cluster],
    ['role', expected.role, reply.role],
    ['node_id', expected.node, reply.node_id],
    ['identity', expected.identity, reply.identity],
  ];
  for (const [what, wanted, found] of pairs) {
    if (wanted !== undefined && wanted !== found) throw refused('ERR_REPLY_IDENTITY', `${what}: expected ${wanted}, found ${found}`);
  }
  // FORMATS 0: what stands under this path is an administrator's.
  if (/^spiffe:\/\/[^/]*\/joinery(?:\/|$)/.test(reply.identity))
    throw refused('ERR_REPLY_IDENTITY', `identity: expected the identity of a node, found ${reply.identity}`);
}

function assertValidity({ renew_after, expires_at }: CheckableReply, { notBefore, notAfter }: Certificate, now: Instant): void {
  const at = formatInstant(now);
  if (notBefore > plus(now, SKEW)) {
    throw refused(
      'ERR_REPLY_VALIDITY',
      `notBefore: expected at most ${at}, found ${formatInstant(notBefore)}`,
      'is the clock of this node right?',
    );
  }
  if (notAfter <= now) {
    throw refused(
      'ERR_REPLY_VALIDITY',
      `notAfter: expected later than ${at}, found ${formatInstant(notAfter)}`,
      'is the clock of this node right?',
    );
  }
  if (formatInstant(notAfter) !== expires_at)
    throw refused('ERR_REPLY_VALIDITY', `expires_at: expected ${formatInstant(notAfter)} as in the certificate, found ${expires_at}`);
  const due = instantOf(renew_after);
  if (due < notBefore || due >= notAfter)
    throw refused('ERR_REPLY_VALIDITY', `renew_after: expected a time within the validity, before ${expires_at}, found ${renew_after}`);
}

function assertTrusted(leaf: Certificate, intermediates: readonly Certificate[], expected: ReplyExpectation): void {
  const { anchors, now, verifySignature } = expected;
  // Within the skew a certificate of this moment may begin a little later.
  const at = leaf.notBefore > now ? leaf.notBefore : now;
  const result = validatePath({ leaf, intermediates, anchors, at, verifySignature, purpose: OID.clientAuth });
  if (result.ok) return;
  throw new JoineryError('ERR_REPLY_UNTRUSTED', `reply: ${result.certificate.subject.text || 'certificate_pem'}: ${result.reason}`, {
    hint: 'the certificate is not under the anchors of node-cert-lifecycle that this node was given',
    details: { fault: result.code, fingerprint: result.certificate.fingerprint },
  });
}

function refused(code: ErrorCode, message: string, hint?: string): JoineryError {
  return new JoineryError(code, `reply: ${message}`, hint === undefined ? {} : { hint });
}
