/** One request over TLS to who vouches for evidence: bounded in size and time, and no redirect is followed. */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpsFetch, HttpsRequest } from '../core/attest/context.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { readBounded } from './bounded-body.ts';

/** A join waits for it. */
const TIMEOUT_MS = 5000;

export const httpsFetch: HttpsFetch = (request) => fetchWithin(request, TIMEOUT_MS);

/** @throws ERR_ATTESTATION_UNAVAILABLE */
export async function fetchWithin(request: HttpsRequest, timeoutMs: number): Promise<{ status: number; body: Uint8Array }> {
  try {
    const response = await send(request, timeoutMs);
    const status = response.statusCode as number;
    if (status >= 300 && status < 400) {
      response.destroy();
      throw unavailable(request.url, 'a redirect');
    }
    return { status, body: await readAll(response, request) };
  } catch (cause) {
    if (cause instanceof JoineryError) throw cause;
    const { code, name } = cause as { readonly code?: string; readonly name: string };
    throw unavailable(request.url, name === 'AbortError' ? 'no answer in time' : (code ?? name), cause);
  }
}

function send({ method, url, headers, body, anchors }: HttpsRequest, timeoutMs: number): Promise<IncomingMessage> {
  const signal = AbortSignal.timeout(timeoutMs);
  const bytes = body === undefined ? undefined : utf8(body);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, {
      method,
      signal,
      agent: false,
      minVersion: 'TLSv1.2',
      // Said, because NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment would change the default.
      rejectUnauthorized: true,
      headers: { ...headers, ...(bytes !== undefined && { 'content-length': String(bytes.length) }) },
      ...(anchors !== undefined && { ca: anchors }),
    });
    request.on('response', resolve).on('error', reject).end(bytes);
  });
}

async function readAll(response: IncomingMessage, { url, maxBytes }: HttpsRequest): Promise<Uint8Array> {
  return readBounded(response, maxBytes, () => unavailable(url, `more than ${maxBytes} bytes`));
}

function unavailable(url: string, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_ATTESTATION_UNAVAILABLE', `${url}: expected an answer, found ${found}`, { cause });
}
