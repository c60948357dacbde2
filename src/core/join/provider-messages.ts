/** What a program that is an identity provider is given, and answers: one line of JSON each way. */
import { isJsonObject, type JsonValue } from '../canonical-json.ts';
import { type ErrorCode, JoineryError } from '../errors.ts';
import { object, oneOf, optional, type Parser, parseDocument, string } from '../parse.ts';
import type { ProvidedCertificate, ProviderRevocation, SigningRequest } from './provider.ts';

const PROVIDER_OPERATIONS = ['issue', 'renew', 'revoke', 'trust_bundle'] as const;
type Operation = (typeof PROVIDER_OPERATIONS)[number];

/** One line. */
export function providerMessage(op: Operation, request: SigningRequest | ProviderRevocation | object = {}): string {
  return `${JSON.stringify({ schema: 'joinery/provider-request/1', op, ...request })}\n`;
}

const pem = string({ minLength: 1, maxLength: 262_144 });
const signed = object({ certificate_pem: pem, chain_pem: optional(pem) });
const revoked = object({ revoked: oneOf(['yes']) });
const bundle = object({ bundle_pem: pem });
const refusal = object({ error: oneOf(['denied', 'unavailable', 'cannot_revoke']), message: optional(string({ maxLength: 1000 })) });

const REFUSALS: Readonly<Record<'denied' | 'unavailable' | 'cannot_revoke', ErrorCode>> = {
  denied: 'ERR_PROVIDER_REFUSED',
  unavailable: 'ERR_PROVIDER_UNAVAILABLE',
  cannot_revoke: 'ERR_PROVIDER_CANNOT_REVOKE',
};

/** @throws ERR_PROVIDER_CERTIFICATE, ERR_PROVIDER_REFUSED, ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_CANNOT_REVOKE */
function answer<T>(parser: Parser<T>, value: JsonValue, what: string): T {
  if (!isJsonObject(value) || value['error'] === undefined) return parseDocument(parser, value, what, 'ERR_PROVIDER_CERTIFICATE');
  const { error, message } = parseDocument(refusal, value, what, 'ERR_PROVIDER_CERTIFICATE');
  throw new JoineryError(REFUSALS[error], `${what}: expected an answer, found ${error}${message === undefined ? '' : `: ${message}`}`);
}

/** The answer to `issue` and `renew`. @throws as {@link answer} */
export function parseSigned(value: JsonValue, what: string): ProvidedCertificate {
  const { certificate_pem: certificatePem, chain_pem: chainPem = '' } = answer(signed, value, what);
  return { certificatePem, chainPem };
}

/** The answer to `revoke`. @throws as {@link answer} */
export function assertRevoked(value: JsonValue, what: string): void {
  answer(revoked, value, what);
}

/** The answer to `trust_bundle`. @throws as {@link answer} */
export function parseTrustBundle(value: JsonValue, what: string): string {
  return answer(bundle, value, what).bundle_pem;
}
