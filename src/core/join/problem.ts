/** What a refused request is answered: an RFC 9457 problem document, which says nothing to a caller who has proved nothing. */
import type { JsonValue } from '../canonical-json.ts';
import { type ErrorCode, ERRORS, isJoineryError, JoineryError } from '../errors.ts';
import { isCorrelationId } from '../names.ts';
import { integer, object, oneOf, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';

const CODES = Object.keys(ERRORS) as ErrorCode[];

/** Nothing in it has a meaning for a shell or a configuration file of OpenSSL. */
const CSR_NAMES = /^(?:URI|DNS|IP):[A-Za-z0-9:/._*-]+(?:,(?:URI|DNS|IP):[A-Za-z0-9:/._*-]+)*$/;

const problem = object({
  /** `https://joinery.dev/problems/` and the code in lower case with dashes. */
  type: string({ maxLength: 255 }),
  title: string({ maxLength: 255 }),
  status: integer(400, 599),
  detail: optional(string({ maxLength: 4096 })),
  code: oneOf(CODES),
  correlation_id: refine(string({ maxLength: 128 }), (text) =>
    isCorrelationId(text) ? { value: text } : { issue: 'expected a correlation id, found something else' },
  ),
  hint: optional(string({ maxLength: 1024 })),
  /** Seconds; also in the header Retry-After. */
  retry_after: optional(integer(1, 86400)),
  /** With ERR_CSR_NAMES: what the request must name, as OpenSSL writes subjectAltName. */
  csr_names: optional(string({ minLength: 1, maxLength: 16_384, pattern: CSR_NAMES, describe: 'names like URI:spiffe://a.example/n1' })),
});

export type Problem = Parsed<typeof problem>;

export const PROBLEM_TYPE = 'application/problem+json';

export function problemSchema() {
  return problem.schema;
}

/** Codes that say what is wrong with the request itself, or with the server, and nothing about any token. */
const OPEN_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_REQUEST_MALFORMED',
  'ERR_ROUTE_NOT_FOUND',
  'ERR_ROUTE_METHOD',
  'ERR_REQUEST_TYPE',
  'ERR_INPUT_TOO_LARGE',
  'ERR_JSON_MALFORMED',
  'ERR_ENCODING_MALFORMED',
  'ERR_PEM_MALFORMED',
  'ERR_CSR_MALFORMED',
  'ERR_RATE_LIMITED',
  'ERR_INTERNAL',
  'ERR_INTERRUPTED',
]);

/** On a command line these are the caller's own realm; to a caller from afar they are the server's, and asking again may help. */
const OWN_FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_REALM_MALFORMED',
  'ERR_REALM_NOT_FOUND',
  'ERR_FILE_ACCESS',
  'ERR_FILE_NOT_FOUND',
  'ERR_STORE_CONFLICT',
]);

/** Whether an error is none of the caller's making. */
export function isServerFault(code: ErrorCode): boolean {
  return ERRORS[code].http >= 500 || OWN_FAULTS.has(code);
}

/** The one refusal of whoever has proved nothing (FORMATS 4, "Refusals"). */
export function unauthenticated(cause: unknown): JoineryError {
  return new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'request: expected a valid join token or node certificate, found none', {
    hint: 'whoever runs the server finds the reason by the correlation id',
    cause,
  });
}

/** What a caller without proof is told of an error. */
export function maskError(error: unknown): JoineryError {
  if (!isJoineryError(error)) return internal(error);
  return OPEN_CODES.has(error.code) || isServerFault(error.code) ? error : unauthenticated(error);
}

function internal(cause: unknown): JoineryError {
  return new JoineryError('ERR_INTERNAL', 'expected no failure of the server, found one', { cause });
}

/**
 * The problem document of an error. What is not the caller's fault shows its code and nothing else of itself: the rest is full of paths,
 * names of authorities, and the state of the server.
 * @param told `authenticated: false`: one code for all refusals. Default true: use cases mask their own errors.
 */
export function problemOf(error: unknown, told: { readonly correlationId: string; readonly authenticated?: boolean }): Problem {
  const known = isJoineryError(error) && error.family !== 'bug' && !OWN_FAULTS.has(error.code) ? error : internal(error);
  const shown = told.authenticated === false ? maskError(known) : known;
  const { http, title } = ERRORS[shown.code];
  const { retry_after: retryAfter, csr_names: csrNames } = shown.details;
  return {
    type: `https://joinery.dev/problems/${shown.code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status: http,
    detail: http < 500 ? shown.message.slice(0, 4096) : `${title}; the log of the server says why under the correlation id`,
    code: shown.code,
    correlation_id: told.correlationId,
    ...(shown.hint !== undefined && http < 500 && { hint: shown.hint }),
    ...(typeof retryAfter === 'number' && { retry_after: retryAfter }),
    ...(typeof csrNames === 'string' && { csr_names: csrNames }),
  };
}

/** A problem document from a server. @throws ERR_REPLY_MALFORMED */
export function parseProblem(value: JsonValue): Problem {
  return parseDocument(problem, value, 'problem', 'ERR_REPLY_MALFORMED');
}

/** The error that a problem document tells of, for the caller of a client: the same code that the server saw. */
export function errorOfProblem({ code, title, detail, hint, correlation_id, retry_after, csr_names }: Problem): JoineryError {
  return new JoineryError(code, detail ?? title, {
    ...(hint !== undefined && { hint }),
    details: { correlation_id, ...(retry_after !== undefined && { retry_after }), ...(csr_names !== undefined && { csr_names }) },
  });
}
