/** Evidence as a node makes it for its join: what the attestors of `core/attest` verify. */
import { type AwsCredentials, type Hmac, signStsRequest } from '../core/attest/aws-signature.ts';
import { challengeBytes } from '../core/attest/evidence.ts';
import { evidenceRequestDocument, parseEvidenceRequest } from '../core/attest/evidence-request.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { pinOf } from '../core/digest.ts';
import { toBase64 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { Instant } from '../core/time.ts';

/** What the evidence is for. */
export interface EvidenceRequest {
  /** DER of the SubjectPublicKeyInfo that a certificate is asked for. */
  readonly spki: Uint8Array;
  /** Name of the node that joins. */
  readonly node: string;
  readonly now: Instant;
  /** A new nonce of the server. */
  challenge(): Promise<string>;
}

/** Makes evidence when it is needed: most of it is of a minute only. */
export type EvidenceSource = (request: EvidenceRequest) => Promise<JsonObject>;

const MAX_EVIDENCE = 48 * 1024;

/**
 * Evidence that something else has made: a JSON object is it, a JWT is for `oidc`, base64 is PKCS #7 for `aws-iid`.
 * @param what names the file. @throws ERR_INPUT_MALFORMED, ERR_JSON_MALFORMED, ERR_INPUT_TOO_LARGE
 */
export function evidenceOfText(text: string, what: string): JsonObject {
  const trimmed = text.trim();
  if (/^[\w-]+\.[\w-]+\.[\w-]+$/.test(trimmed)) return { token: trimmed };
  if (/^MI[A-Za-z0-9+/\s]+=*\s*$/.test(trimmed)) return { pkcs7: trimmed };
  const value = trimmed.startsWith('{') ? parseStrictJson(trimmed, what, { maxLength: MAX_EVIDENCE }) : undefined;
  if (isJsonObject(value)) return value;
  throw new JoineryError(
    'ERR_INPUT_MALFORMED',
    `${what}: expected evidence (a JSON object, a JWT, or PKCS #7 in base64), found something else`,
  );
}

/** PEM, the certificate of the key first. */
export interface DeviceIdentity {
  readonly certificates: string;
  readonly key: SigningKey;
}

/** For `x509pop`: the key of a device answers the challenge. */
export async function deviceEvidence({ certificates, key }: DeviceIdentity, { spki, challenge }: EvidenceRequest): Promise<JsonObject> {
  const nonce = await challenge();
  const signature = toBase64(await key.sign(challengeBytes('x509pop', nonce, pinOf(spki)), 'der'));
  return { nonce, certificates, signature };
}

/** What {@link voucherEvidence} and programs are told. */
export async function requestDocument({ spki, node, challenge }: EvidenceRequest): Promise<JsonObject> {
  return evidenceRequestDocument({ node, spki_pin: pinOf(spki), nonce: await challenge() });
}

/** For `joinery-peer`: a node that has joined vouches for the one that joins. @throws ERR_INPUT_MALFORMED */
export async function voucherEvidence({ certificates, key }: DeviceIdentity, document: JsonValue, what: string): Promise<JsonObject> {
  const { nonce, node, spki_pin: pin } = parseEvidenceRequest(document, what);
  const signature = toBase64(await key.sign(challengeBytes('joinery-peer', nonce, pin, node), 'der'));
  return { nonce, node, certificate: certificates, signature };
}

export interface AwsCaller {
  readonly credentials: AwsCredentials;
  /** Of STS. */
  readonly host: string;
  readonly region: string;
  readonly hmac: Hmac;
}

/** For `aws-iam`: a request to STS that is signed here, and sent by the server. */
export async function callerEvidence({ credentials, host, region, hmac }: AwsCaller, request: EvidenceRequest): Promise<JsonObject> {
  const nonce = await request.challenge();
  const question = { host, region, nonce, pin: pinOf(request.spki), now: request.now };
  return { host, headers: { ...signStsRequest(credentials, question, hmac) } };
}
