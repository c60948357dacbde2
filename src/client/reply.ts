/** What a response says: the document that was asked for, or the error that the server answered with. */
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { errorOfProblem, parseProblem } from '../core/join/problem.ts';
import type { TransportResponse } from '../core/join/transport.ts';

/** @param what names the reply: `https://host/v1/join`. @throws ERR_REPLY_MALFORMED */
export function jsonOf({ body, headers }: TransportResponse, what: string): JsonValue {
  const type = (headers.get('content-type') ?? '').split(';', 1)[0] as string;
  if (type !== 'application/json' && type !== 'application/problem+json') {
    throw new JoineryError(
      'ERR_REPLY_MALFORMED',
      `${what}: expected application/json, found ${type === '' ? 'no content type' : 'another type'}`,
    );
  }
  try {
    return parseStrictJson(decodeUtf8(body, what), what, { maxLength: Math.max(1, body.length) });
  } catch (cause) {
    // Strict parsing throws no other kind.
    throw new JoineryError('ERR_REPLY_MALFORMED', (cause as JoineryError).message, { cause });
  }
}

/** @throws ERR_REPLY_MALFORMED */
export function objectOf(response: TransportResponse, what: string): JsonObject {
  const value = jsonOf(response, what);
  if (isJsonObject(value)) return value;
  throw new JoineryError('ERR_REPLY_MALFORMED', `${what}: expected an object, found another value`);
}

/**
 * @returns the response if it is a success, or 304.
 * @throws ERR_REPLY_REDIRECT (the token would go to whoever the server names), the code in the problem document, ERR_REPLY_REFUSED or
 *   ERR_REPLY_FAILED where there is none that is known here
 */
export function assertSuccess(response: TransportResponse, what: string): TransportResponse {
  const { status } = response;
  if ((status >= 200 && status < 300) || status === 304) return response;
  if (status >= 300 && status < 400)
    throw new JoineryError('ERR_REPLY_REDIRECT', `${what}: expected an answer, found a redirect (status ${status})`, {
      hint: 'name the server itself as the URL',
      details: { status },
    });
  throw errorOf(response, what);
}

function errorOf(response: TransportResponse, what: string): JoineryError {
  const { status } = response;
  const document = documentOf(response, what);
  const known = document && knownError(document);
  const details: Readonly<Record<string, unknown>> = { ...known?.details, ...retryAfter(response), status };
  // A bug of the server is none of the caller's program.
  if (known !== undefined && known.family !== 'bug') {
    return new JoineryError(known.code, known.message, { details, ...(known.hint !== undefined && { hint: known.hint }) });
  }
  const code = status >= 500 ? 'ERR_REPLY_FAILED' : 'ERR_REPLY_REFUSED';
  return new JoineryError(code, `${what}: expected an answer, found status ${status}${saidIn(document)}`, { details });
}

function documentOf(response: TransportResponse, what: string): JsonObject | undefined {
  try {
    return objectOf(response, what);
  } catch (error) {
    // A page of a proxy: the status says enough.
    if (!isJoineryError(error)) throw error;
    return undefined;
  }
}

function knownError(document: JsonObject): JoineryError | undefined {
  try {
    return errorOfProblem(parseProblem(document));
  } catch (error) {
    // OmniRelay's own form, or a code of a later release.
    if (!isJoineryError(error)) throw error;
    return undefined;
  }
}

/** What the server says in words, and the id under which its log says more. */
function saidIn(document: JsonObject = {}): string {
  const [text] = [document['message'], document['detail']].filter((value) => typeof value === 'string');
  const id = document['correlation_id'];
  const shown = text === undefined ? '' : `: ${JSON.stringify(text.slice(0, 200))}`;
  return typeof id === 'string' ? `${shown} (correlation id ${id.slice(0, 128)})` : shown;
}

const MAX_RETRY_AFTER = 86_400;

/** Seconds only: servers of this protocol send no date (RFC 9110 section 10.2.3). */
function retryAfter({ headers }: TransportResponse): { readonly retry_after?: number } {
  const text = headers.get('retry-after') ?? '';
  return /^\d{1,5}$/.test(text) ? { retry_after: Math.min(Number(text), MAX_RETRY_AFTER) } : {};
}
