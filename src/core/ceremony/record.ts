/** What was signed in a ceremony, by whom and when: schema `joinery/ceremony-record/1`. It holds no secret. */
import { canonicalBytes, type JsonValue } from '../canonical-json.ts';
import { type Digest, digestOf } from '../digest.ts';
import { fromBase64 } from '../encoding.ts';
import { name } from '../names.ts';
import { array, boolean, object, oneOf, type Parsed, parseDocument, refine, string } from '../parse.ts';

const bytes = refine(string({ maxLength: 8 * 1024 * 1024 }), (text) => {
  try {
    fromBase64(text);
    return { value: text };
  } catch {
    return { issue: 'expected canonical base64, found something else' };
  }
});

const record = object({
  schema: oneOf(['joinery/ceremony-record/1']),
  /** SHA-256 of the reviewed file, lower-case hex. */
  ceremony: string({ maxLength: 64 }),
  title: string(),
  environment: name(),
  operator: object({ name: string(), verified: boolean() }),
  correlation_id: string(),
  started_at: string(),
  finished_at: string(),
  /** Certificates of the authorities that were there before. */
  authorities: array(object({ name: name(), certificate: bytes })),
  steps: array(
    object({
      label: string(),
      signed_at: string(),
      /** The to-be-signed structure, its signature, and both together as certificate or revocation list. base64 of DER. */
      tbs: bytes,
      signature: bytes,
      signed: bytes,
    }),
  ),
});

export type CeremonyRecord = Parsed<typeof record>;

/** @throws ERR_CEREMONY_RECORD */
export function parseCeremonyRecord(value: JsonValue, what: string): CeremonyRecord {
  return parseDocument(record, value, what, 'ERR_CEREMONY_RECORD');
}

/** RFC 8785 bytes, as the record is written and hashed. */
export function recordBytes(content: CeremonyRecord): Uint8Array {
  return canonicalBytes(content as unknown as JsonValue);
}

export function recordDigest(content: CeremonyRecord): Digest {
  return digestOf(recordBytes(content));
}
