/** What the attestors have in common: how evidence is read, how old it may be, and what it is remembered by. */
import { canonicalBytes, type JsonObject } from '../canonical-json.ts';
import { type Digest, digestOf, type Pin } from '../digest.ts';
import { fromBase64, utf8 } from '../encoding.ts';
import { isJoineryError, JoineryError } from '../errors.ts';
import type { SignatureAlgorithm, VerifySignature } from '../key-ports.ts';
import { type Parser, parseDocument } from '../parse.ts';
import type { VerifiedAttestation } from '../policy/attestation.ts';
import { formatDuration, formatInstant, type Instant, parseInstant, plus } from '../time.ts';
import type { PublicKey } from '../x509/algorithms.ts';
import { OID } from '../x509/oids.ts';
import type { AttestationContext } from './context.ts';

/** What clocks may differ by, in seconds. */
export const CLOCK_SKEW = 60;
/** Life of a nonce in seconds (FORMATS 4). */
export const CHALLENGE_TTL = 60;

/** @throws ERR_ATTESTATION_MALFORMED with every wrong path */
export function readEvidence<T>(parser: Parser<T>, evidence: JsonObject): T {
  return parseDocument(parser, evidence, 'evidence', 'ERR_ATTESTATION_MALFORMED');
}

/** Gives what the general parsers throw the code of malformed evidence; other refusals pass. */
export function asMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isJoineryError(error) || error.family !== 'malformed') throw error;
    throw new JoineryError('ERR_ATTESTATION_MALFORMED', error.message, { cause: error });
  }
}

/** Base64 as tools print it: in one line or several. @throws ERR_ATTESTATION_MALFORMED */
export function fromWrappedBase64(text: string, what: string): Uint8Array {
  return asMalformed(() => fromBase64(text.replaceAll(/\s+/g, ''), what));
}

/** Evidence that does not hold: `what: expected X, found Y`. */
export function refuse(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_ATTESTATION_FAILED', `evidence: ${what}: expected ${expected}, found ${found}`);
}

/** A text from evidence as messages show it. */
export function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function stale(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_ATTESTATION_STALE', `evidence: ${what}: expected ${expected}, found ${found}`, {
    hint: 'get new evidence, and compare the clocks',
  });
}

/** @param maxAge seconds. @throws ERR_ATTESTATION_STALE */
export function assertFresh(what: string, issuedAt: Instant, now: Instant, maxAge: number): void {
  assertNotLater(what, issuedAt, now);
  if (now - issuedAt > maxAge + CLOCK_SKEW)
    throw stale(what, `at most ${formatDuration(maxAge)} ago`, `${formatInstant(issuedAt)}, ${formatDuration(now - issuedAt)} ago`);
}

/** @throws ERR_ATTESTATION_STALE */
export function assertNotLater(what: string, at: Instant, now: Instant): void {
  if (at > now + CLOCK_SKEW) throw stale(what, `not later than now, ${formatInstant(now)}`, formatInstant(at));
}

/** @throws ERR_ATTESTATION_STALE */
export function assertBefore(what: string, end: Instant, now: Instant): void {
  if (end + CLOCK_SKEW <= now) throw stale(what, `later than now, ${formatInstant(now)}`, formatInstant(end));
}

/** @throws ERR_ATTESTATION_MALFORMED */
export function instantOf(text: string, what: string): Instant {
  const at = parseInstant(text);
  if (at !== undefined) return at;
  throw new JoineryError(
    'ERR_ATTESTATION_MALFORMED',
    `evidence: ${what}: expected a time like 2026-11-22T10:00:00Z, found ${quoted(text)}`,
  );
}

/**
 * What evidence is remembered by. It is made of what the signer signed and nobody can spell otherwise, never of a signature: an ECDSA
 * signature that is changed into its twin holds too.
 */
export function evidenceDigest(kind: string, ...parts: readonly string[]): Digest {
  return digestOf(canonicalBytes(['joinery/evidence/1', kind, ...parts]));
}

/** Of a challenge that holds now, whichever attestor it was answered for: a nonce counts once, and ends soon. */
export function challengeUse(nonce: string, now: Instant): Pick<VerifiedAttestation, 'digest' | 'replayableUntil'> {
  return { digest: evidenceDigest('challenge', nonce), replayableUntil: plus(now, CHALLENGE_TTL) };
}

/** @throws ERR_ATTESTATION_STALE */
export function assertChallenge(nonce: string, { verifyChallenge }: Pick<AttestationContext, 'verifyChallenge'>): void {
  if (verifyChallenge(nonce)) return;
  throw new JoineryError(
    'ERR_ATTESTATION_STALE',
    'evidence: nonce: expected one that this server gave out within a minute, found another',
    {
      hint: 'POST /v1/challenge gives one; of several servers, ask the one that gave it',
    },
  );
}

/**
 * What a device or a voucher signs: lines that begin as nothing else does that the same key might sign (no DER, no JWS, no TLS
 * transcript), with the key that the certificate is for, so that an answer is worth nothing for another key.
 */
export function challengeBytes(method: 'x509pop' | 'joinery-peer', nonce: string, csrPin: Pin, ...more: readonly string[]): Uint8Array {
  return utf8(
    ['joinery/attestation/1', method, nonce, csrPin, ...more]
      .map(
        (line) => `${line}
`,
      )
      .join(''),
  );
}

const EC_HASHES: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.p256]: 'ecdsa-sha256',
  [OID.p384]: 'ecdsa-sha384',
  [OID.p521]: 'ecdsa-sha512',
};

/** The one algorithm that a key answers challenges with: nothing in the evidence chooses it. */
function challengeAlgorithm(key: PublicKey): SignatureAlgorithm | undefined {
  switch (key.kind) {
    case 'rsa':
      return 'rsa-sha256';
    case 'ec':
      return EC_HASHES[key.curve];
    case 'other':
      return undefined;
    default:
      return key.kind;
  }
}

interface ChallengeAnswer {
  readonly publicKey: { readonly der: Uint8Array; readonly key: PublicKey };
  readonly data: Uint8Array;
  /** Base64; ECDSA in DER. */
  readonly signature: string;
}

/** @throws ERR_ATTESTATION_FAILED, ERR_ATTESTATION_MALFORMED */
export function assertAnswer({ publicKey, data, signature }: ChallengeAnswer, verifySignature: VerifySignature): void {
  const algorithm = challengeAlgorithm(publicKey.key);
  const bytes = fromWrappedBase64(signature, 'evidence: signature');
  const holds = algorithm !== undefined && verifySignature({ algorithm, spki: publicKey.der, data, signature: bytes, encoding: 'der' });
  if (!holds) throw refuse('signature', 'one by the key of the certificate over the challenge, for the key in the csr', 'another');
}

/** A PEM text inside evidence. */
export const MAX_EVIDENCE_TEXT = 32 * 1024;
