/** `joinery/trust-chain/1`: activated versions with their activations, as exports, packages, servers and nodes carry them. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { array, object, oneOf, type Parsed, parseDocument } from '../parse.ts';
import { envelopeParser } from './envelope.ts';

/** Versions in one document, and in one walk. */
export const MAX_CHAIN = 10000;

const entry = object({ manifest: envelopeParser, activation: envelopeParser });
const chain = object({ schema: oneOf(['joinery/trust-chain/1']), versions: array(entry, { minItems: 1, maxItems: MAX_CHAIN }) });

/** One activated version: two signed documents. */
export type TrustVersion = Parsed<typeof entry>;

export function chainDocument(versions: readonly TrustVersion[]): JsonObject {
  return { schema: 'joinery/trust-chain/1', versions };
}

/** @throws ERR_TRUST_ENVELOPE_MALFORMED with every wrong path; signatures are not looked at. */
export function parseChain(value: JsonValue, what: string): readonly TrustVersion[] {
  return parseDocument(chain, value, what, 'ERR_TRUST_ENVELOPE_MALFORMED').versions;
}
