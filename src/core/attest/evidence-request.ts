/** What a program, or a node that vouches, is told of the node that asks for evidence: `joinery/evidence-request/1`. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { isPin, type Pin } from '../digest.ts';
import { name } from '../names.ts';
import { object, oneOf, type Parsed, parseDocument, refine, string } from '../parse.ts';

const evidenceRequest = object({
  schema: oneOf(['joinery/evidence-request/1']),
  /** Name of the node that joins. */
  node: name(),
  /** Of the key that it asks a certificate for. */
  spki_pin: refine(string({ maxLength: 71 }), (text): { value: Pin } | { issue: string } =>
    isPin(text) ? { value: text } : { issue: 'expected sha256: and 64 lower-case hex digits, found another form' },
  ),
  /** Of the server, good for a minute. */
  nonce: string({ minLength: 1, maxLength: 512, pattern: /^[A-Za-z0-9_-]+$/, describe: 'a nonce in base64url' }),
});

export type EvidenceRequestDocument = Parsed<typeof evidenceRequest>;

export function evidenceRequestDocument(request: Omit<EvidenceRequestDocument, 'schema'>): JsonObject {
  return { schema: 'joinery/evidence-request/1', ...request };
}

/** @param what names the input. @throws ERR_INPUT_MALFORMED with every wrong path */
export function parseEvidenceRequest(value: JsonValue, what: string): EvidenceRequestDocument {
  return parseDocument(evidenceRequest, value, what);
}
