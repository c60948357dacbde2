/** Gets one public document by HTTP: bounded in size and time, without redirects, and without sending anything. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { JoineryError } from '../core/errors.ts';
import { readBounded } from './bounded-body.ts';

const TIMEOUT_MS = 30_000;

export interface DownloadLimits {
  readonly maxBytes: number;
  /** PEM of the anchors that must have issued the server's certificate. */
  readonly trust: string | undefined;
  readonly timeoutMs?: number;
}

/** @throws ERR_TRUST_DOWNLOAD, ERR_INPUT_TOO_LARGE */
export async function httpDownload(url: string, limits: DownloadLimits): Promise<Uint8Array> {
  try {
    return await readAll(await open(url, limits), url, limits.maxBytes);
  } catch (cause) {
    if (cause instanceof JoineryError) throw cause;
    throw new JoineryError('ERR_TRUST_DOWNLOAD', `${url}: expected a document, found ${reasonOf(cause)}`, {
      hint: 'the documents can come as files as well',
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  const { code, name } = cause as { readonly code?: string; readonly name: string };
  return name === 'AbortError' ? 'no answer in time' : (code ?? name);
}

function open(url: string, { trust, timeoutMs = TIMEOUT_MS }: DownloadLimits): Promise<IncomingMessage> {
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const request = url.startsWith('https:')
      ? // On first contact no certificate can be verified: the digest of the manifest proves the document, and nothing is sent.
        httpsRequest(url, {
          signal,
          agent: false,
          minVersion: 'TLSv1.2',
          ...(trust === undefined ? { rejectUnauthorized: false } : { ca: trust, rejectUnauthorized: true }),
        })
      : httpRequest(url, { signal, agent: false });
    request.on('response', resolve).on('error', reject).end();
  });
}

/** Stops at the limit, whatever the server announced (TUF: endless data; slow retrieval ends by the time-out). */
async function readAll(response: IncomingMessage, url: string, maxBytes: number): Promise<Uint8Array> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new JoineryError('ERR_TRUST_DOWNLOAD', `${url}: expected status 200, found ${response.statusCode}`);
  }
  return readBounded(
    response,
    maxBytes,
    () => new JoineryError('ERR_INPUT_TOO_LARGE', `${url}: expected at most ${maxBytes} bytes, found more`),
  );
}
