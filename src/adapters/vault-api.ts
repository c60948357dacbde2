/** Requests to the HTTP API of Vault (and OpenBao): JSON both ways, over TLS under the configured anchors and no others, in bounded time and size. */
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { type ErrorCode, isJoineryError, JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import { fetchWithin } from './https-fetch.ts';

export interface VaultServer {
  /** Without a slash at the end. */
  readonly url: string;
  readonly namespace: string | undefined;
  /** PEM. */
  anchors(): Promise<string>;
  readonly timeoutMs: number;
  /** Names the provider in errors. */
  readonly what: string;
}

export interface VaultCall {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`. */
  readonly path: string;
  readonly body?: JsonObject;
  readonly token?: Secret | undefined;
}

const MAX_BYTES = 1024 * 1024;

/** @throws ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_REFUSED with `details.status`, ERR_PROVIDER_CERTIFICATE for what is no JSON */
export async function callVault(server: VaultServer, { method, path, body, token }: VaultCall): Promise<JsonValue> {
  const { url, namespace, timeoutMs, what } = server;
  const headers = {
    accept: 'application/json',
    // Vault's mark of a request that no browser was talked into.
    'x-vault-request': 'true',
    ...(namespace !== undefined && { 'x-vault-namespace': namespace }),
    ...(token !== undefined && { 'x-vault-token': token.reveal() }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const target = `${url}/v1/${path}`;
  const anchors = await server.anchors();
  const request = { method, url: target, headers, anchors, maxBytes: MAX_BYTES, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const { status, body: bytes } = await fetchWithin(request, timeoutMs).catch((cause: unknown) =>
    Promise.reject(failure('ERR_PROVIDER_UNAVAILABLE', `${what}: ${(cause as Error).message}`, cause)),
  );
  const answer = jsonOf(bytes, `${what}: ${path}`);
  if (status >= 200 && status < 300 && answer !== undefined) return answer;
  throw refusal(server, path, status, answer);
}

/** What Vault says of a refusal, or nothing: never what it was sent. */
function refusal({ what }: VaultServer, path: string, status: number, answer: JsonValue | undefined): JoineryError {
  if (status >= 200 && status < 300) return failure('ERR_PROVIDER_CERTIFICATE', `${what}: ${path}: expected JSON, found something else`);
  const errors = memberOf(answer, 'errors');
  const said = Array.isArray(errors) ? errors.filter((text) => typeof text === 'string').join('; ') : '';
  // 429: rate limit; 472, 473: a standby that does not serve.
  const retried = status >= 500 || [412, 429, 472, 473].includes(status);
  const code = retried ? 'ERR_PROVIDER_UNAVAILABLE' : 'ERR_PROVIDER_REFUSED';
  const text = said.replaceAll(/[^ -~]+/g, ' ').slice(0, 500);
  return failure(code, `${what}: ${path}: expected an answer, found status ${status}${text === '' ? '' : `: ${text}`}`, undefined, {
    status,
  });
}

function jsonOf(bytes: Uint8Array, what: string): JsonValue | undefined {
  try {
    return parseStrictJson(decodeUtf8(bytes, what), what, { maxLength: MAX_BYTES });
  } catch (error) {
    // A page of a proxy: the status says enough.
    if (!isJoineryError(error)) throw error;
    return undefined;
  }
}

function failure(code: ErrorCode, message: string, cause?: unknown, details = {}): JoineryError {
  return new JoineryError(code, message, { cause, details, hint: 'nothing was written: ask again' });
}

/** A member of an answer, which may have any others: Vault adds some with every version. */
export function memberOf(value: JsonValue | undefined, ...path: readonly string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((at, name) => (isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined), value);
}
