/**
 * Signed trust documents: JWS general JSON serialization (RFC 7515 section 7.2.1), narrowed. A protected header holds alg, kid
 * and typ and nothing else, there is no unprotected header, and the payload is its own RFC 8785 form, so that one document has
 * one digest whoever signed it.
 */
import { canonicalBytes, isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { type Digest, digestOf } from '../digest.ts';
import { decodeUtf8, equalBytes, fromBase64Url, toBase64Url, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { joseAlgorithmOf, type JoseAlgorithm, jwkThumbprint, type PublicJwk, publicJwk, spkiOfJwk } from '../jwk.ts';
import { array, object, oneOf, type Parsed, parseDocument, string } from '../parse.ts';
import type { SignatureAlgorithm, SigningKey, VerifySignature } from '../key-ports.ts';

const ENVELOPE_TYPES = ['trust-bundle+jws', 'trust-activation+jws', 'package+jws', 'package-batch+jws'] as const;
export type EnvelopeType = (typeof ENVELOPE_TYPES)[number];

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const base64Url = (maxLength: number) => string({ minLength: 1, maxLength, pattern: BASE64URL, describe: 'base64url' });

/** Characters of a payload: a manifest with 50 anchors of 4 KiB fits. */
const MAX_PAYLOAD = 1024 * 1024;

export const envelopeParser = object({
  payload: base64Url(MAX_PAYLOAD),
  signatures: array(object({ protected: base64Url(1024), signature: base64Url(1024) }), { minItems: 1, maxItems: 32 }),
});

/** The document as it is stored and sent. */
export type Envelope = Parsed<typeof envelopeParser>;

const header = object({
  alg: oneOf(['ES256', 'ES384', 'EdDSA']),
  kid: string({ minLength: 43, maxLength: 43, pattern: BASE64URL, describe: 'an RFC 7638 thumbprint' }),
  typ: oneOf(ENVELOPE_TYPES),
});

interface EnvelopeSignature {
  readonly alg: JoseAlgorithm;
  /** RFC 7638 thumbprint of the signer. */
  readonly kid: string;
  readonly signingInput: Uint8Array;
  readonly signature: Uint8Array;
}

/** An envelope whose form is right; nothing is said about its signatures yet. */
export interface OpenedEnvelope {
  readonly envelope: Envelope;
  readonly payload: JsonObject;
  /** SHA-256 of the payload's bytes. */
  readonly digest: Digest;
  readonly signatures: readonly EnvelopeSignature[];
}

/** Members of a JOSE header that carry or fetch a key (RFC 7515 section 4.1): a document that names its own key proves nothing. */
const KEY_MEMBERS = ['jwk', 'jku', 'x5c', 'x5u', 'x5t', 'x5t#S256'];

/**
 * Reads an envelope of one type. @param what names the document in errors.
 * @throws ERR_TRUST_ENVELOPE_MALFORMED, ERR_TRUST_HEADER_UNPROTECTED, ERR_TRUST_KEY_EMBEDDED, ERR_TRUST_NOT_CANONICAL,
 *   ERR_TRUST_SIGNATURE_DUPLICATE, ERR_JSON_MALFORMED (duplicate members), ERR_ENCODING_MALFORMED
 */
export function openEnvelope(value: JsonValue, type: EnvelopeType, what: string): OpenedEnvelope {
  refuseUnprotected(value, what);
  const envelope = parseDocument(envelopeParser, value, what, 'ERR_TRUST_ENVELOPE_MALFORMED');
  const bytes = fromBase64Url(envelope.payload, `${what}: payload`);
  const payload = parseStrictJson(decodeUtf8(bytes, `${what}: payload`), `${what}: payload`);
  if (!isJsonObject(payload) || !equalBytes(canonicalBytes(payload), bytes)) {
    throw new JoineryError('ERR_TRUST_NOT_CANONICAL', `${what}: payload: expected an object in RFC 8785 form, found another spelling`);
  }
  const signatures = envelope.signatures.map((entry, index) =>
    openSignature(envelope.payload, entry, type, `${what}: signatures[${index}]`),
  );
  refuseDuplicates(signatures, what);
  return { envelope, payload, digest: digestOf(bytes), signatures };
}

function refuseUnprotected(value: JsonValue, what: string): void {
  const signatures = isJsonObject(value) ? value['signatures'] : undefined;
  if (signatures === undefined || !isJsonArray(signatures)) return;
  const index = signatures.findIndex((entry) => isJsonObject(entry) && Object.hasOwn(entry, 'header'));
  if (index >= 0) {
    throw new JoineryError('ERR_TRUST_HEADER_UNPROTECTED', `${what}: signatures[${index}]: expected no unprotected header, found one`);
  }
}

function openSignature(payload: string, entry: Envelope['signatures'][number], type: EnvelopeType, what: string): EnvelopeSignature {
  const value = parseStrictJson(decodeUtf8(fromBase64Url(entry.protected, what), what), what);
  const embedded = isJsonObject(value) ? KEY_MEMBERS.find((member) => Object.hasOwn(value, member)) : undefined;
  if (embedded !== undefined) {
    throw new JoineryError('ERR_TRUST_KEY_EMBEDDED', `${what}: expected a protected header with alg, kid and typ, found ${embedded}`);
  }
  const { alg, kid, typ } = parseDocument(header, value, what, 'ERR_TRUST_ENVELOPE_MALFORMED');
  if (typ !== type) throw new JoineryError('ERR_TRUST_ENVELOPE_MALFORMED', `${what}: typ: expected ${type}, found ${typ}`);
  return { alg, kid, signingInput: utf8(`${entry.protected}.${payload}`), signature: fromBase64Url(entry.signature, what) };
}

function refuseDuplicates(signatures: readonly EnvelopeSignature[], what: string): void {
  const kids = new Set(signatures.map((signature) => signature.kid));
  if (kids.size < signatures.length) {
    throw new JoineryError('ERR_TRUST_SIGNATURE_DUPLICATE', `${what}: expected one signature a key, found two by one key`);
  }
}

const ALGORITHMS: Readonly<Record<JoseAlgorithm, SignatureAlgorithm>> = {
  ES256: 'ecdsa-sha256',
  ES384: 'ecdsa-sha384',
  EdDSA: 'ed25519',
};

/** Who must have signed: distinct keys, and how many of them. */
export interface Threshold {
  readonly signers: readonly PublicJwk[];
  readonly min_signatures: number;
}

/** Thumbprints of the signers whose signature holds. The key decides the algorithm, not the header (RFC 8725 section 3.1). */
export function validSigners(opened: OpenedEnvelope, signers: readonly PublicJwk[], verify: VerifySignature): readonly string[] {
  const byKid = new Map(signers.map((jwk) => [jwkThumbprint(jwk), jwk]));
  return opened.signatures.filter((signature) => holds(signature, byKid.get(signature.kid), verify)).map((signature) => signature.kid);
}

function holds(signature: EnvelopeSignature, jwk: PublicJwk | undefined, verify: VerifySignature): boolean {
  if (jwk === undefined || joseAlgorithmOf(jwk) !== signature.alg) return false;
  const check = {
    algorithm: ALGORITHMS[signature.alg],
    spki: spkiOfJwk(jwk),
    data: signature.signingInput,
    signature: signature.signature,
  };
  return verify({ ...check, encoding: 'ieee-p1363' });
}

/**
 * @param whose says whose threshold it is: `the signers of version 3`.
 * @throws ERR_TRUST_SIGNER_UNKNOWN when no signer signed, ERR_TRUST_SIGNATURE when one did and it does not hold, ERR_TRUST_THRESHOLD
 *   when the signatures hold and are too few.
 */
export function assertThreshold(opened: OpenedEnvelope, threshold: Threshold, verify: VerifySignature, what: string, whose: string): void {
  const valid = validSigners(opened, threshold.signers, verify);
  if (valid.length >= threshold.min_signatures) return;
  const known = new Set(threshold.signers.map((jwk) => jwkThumbprint(jwk)));
  const claimed = opened.signatures.filter((signature) => known.has(signature.kid)).length;
  const code = claimed === 0 ? 'ERR_TRUST_SIGNER_UNKNOWN' : claimed > valid.length ? 'ERR_TRUST_SIGNATURE' : 'ERR_TRUST_THRESHOLD';
  throw new JoineryError(code, `${what}: expected ${threshold.min_signatures} valid signatures by ${whose}, found ${valid.length}`, {
    details: { needed: threshold.min_signatures, valid: [...valid] },
  });
}

/** Signs a document with keys in their order. */
export async function signEnvelope(document: JsonObject, type: EnvelopeType, keys: readonly SigningKey[]): Promise<Envelope> {
  const payload = toBase64Url(canonicalBytes(document));
  const signatures = [];
  for (const key of keys) signatures.push(await signPayload(payload, type, key));
  return { payload, signatures };
}

/** Adds a signature to an envelope: for signers on separate machines. @throws ERR_TRUST_SIGNATURE_DUPLICATE */
export async function cosign(opened: OpenedEnvelope, type: EnvelopeType, key: SigningKey, what: string): Promise<Envelope> {
  const kid = jwkThumbprint(publicJwk(key.spki));
  if (opened.signatures.some((signature) => signature.kid === kid)) {
    throw new JoineryError('ERR_TRUST_SIGNATURE_DUPLICATE', `${what}: expected a document that ${kid} has not signed, found its signature`);
  }
  const { payload, signatures } = opened.envelope;
  return { payload, signatures: [...signatures, await signPayload(payload, type, key)] };
}

async function signPayload(payload: string, typ: EnvelopeType, key: SigningKey): Promise<Envelope['signatures'][number]> {
  const jwk = publicJwk(key.spki);
  const protectedHeader = toBase64Url(canonicalBytes({ alg: joseAlgorithmOf(jwk), kid: jwkThumbprint(jwk), typ }));
  const signature = await key.sign(utf8(`${protectedHeader}.${payload}`), 'ieee-p1363');
  return { protected: protectedHeader, signature: toBase64Url(signature) };
}
