/** Answers, and what is read of a request before a use case sees it. */
import type { PublicDocument } from '../app/public-documents.ts';
import { canonicalJson, type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { ServerRequest, ServerResponse } from '../core/join/http.ts';
import { PROBLEM_TYPE, problemOf } from '../core/join/problem.ts';

export const CHAIN_TYPE = 'application/pem-certificate-chain';

export function json(status: number, value: JsonObject, headers: Readonly<Record<string, string>> = {}): ServerResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: `${canonicalJson(value)}\n` };
}

/** RFC 9457, with `Retry-After` where the problem says when. @param status instead of the one of the code. */
export function problemResponse(error: unknown, correlationId: string, status?: number): ServerResponse {
  const found = problemOf(error, { correlationId });
  const problem = status === undefined ? found : { ...found, status };
  const retry = problem.retry_after ?? (problem.status === 503 ? 1 : undefined);
  return {
    status: problem.status,
    headers: { 'content-type': PROBLEM_TYPE, ...(retry !== undefined && { 'retry-after': String(retry) }), ...MORE[problem.status] },
    body: `${canonicalJson(problem as unknown as JsonObject)}\n`,
  };
}

/** What a status brings with it. */
const MORE: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  // RFC 9110 section 11.6.1: a scheme. Tokens are in the body, certificates in the handshake: `Joinery` stands for both.
  401: { 'www-authenticate': 'Joinery' },
  // Section 15.5.16: what would have been read.
  415: { accept: 'application/json', 'accept-encoding': 'identity' },
};

/** A document, or 304 for who has it already (RFC 9110 section 13.1.2). */
export function documentResponse(request: ServerRequest, { type, bytes, etag }: PublicDocument): ServerResponse {
  // `no-cache`: kept, and asked for again each time; trust that changes must not be read from a cache.
  const headers = { 'content-type': type, etag, 'cache-control': 'no-cache', vary: 'accept' };
  return matches(request, etag) ? { status: 304, headers, body: '' } : { status: 200, headers, body: bytes };
}

/** Whether If-None-Match names the tag; weak tags compare as strong ones (section 8.8.3.2). */
export function matches({ headers }: ServerRequest, etag: string): boolean {
  const tags = (headers.get('if-none-match') ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes(etag) || tags.includes('*');
}

/** Whether the caller named PEM and does not like JSON better (RFC 9110 section 12.5.1); who accepts neither gets JSON. */
export function wantsChain({ headers }: ServerRequest): boolean {
  const accepted = weights(headers.get('accept') ?? '');
  const chain = accepted.get(CHAIN_TYPE) ?? 0;
  const json = accepted.get('application/json') ?? accepted.get('application/*') ?? accepted.get('*/*') ?? 0;
  return chain > 0 && chain >= json;
}

/** The media ranges of a header in lower case, with what each is worth to the caller: 0 to 1. */
function weights(accept: string): ReadonlyMap<string, number> {
  return new Map(
    accept.split(',').map((text) => {
      const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
      const [, weight = '1'] =
        parameters.map((parameter) => /^q=([01](?:\.\d{0,3})?)$/.exec(parameter) ?? []).find(([found]) => found) ?? [];
      return [range, Number(weight)];
    }),
  );
}

/** The JSON of a body. @throws ERR_REQUEST_TYPE, ERR_REQUEST_MALFORMED */
export function jsonBody({ headers, body }: ServerRequest): JsonValue {
  const type = (headers.get('content-type') ?? 'application/json').split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw new JoineryError('ERR_REQUEST_TYPE', 'content-type: expected application/json, found another');
  }
  if ((headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    // RFC 9110 section 8.4: what is not unpacked cannot be a bomb.
    throw new JoineryError('ERR_REQUEST_TYPE', 'content-encoding: expected none, found one');
  }
  try {
    return parseStrictJson(decodeUtf8(body, 'request'), 'request');
  } catch (cause) {
    throw new JoineryError('ERR_REQUEST_MALFORMED', 'request: expected strict JSON in UTF-8, found something else', { cause });
  }
}
