/** The address of a bootstrap server, as a join URL names it. */
import { JoineryError } from '../core/errors.ts';
import type { ServerAddress } from '../core/key-ports.ts';

export interface Endpoint {
  readonly url: string;
  readonly server: ServerAddress;
  /** What stands before `/v1` in every path: empty, or a path of a proxy. */
  readonly base: string;
}

/**
 * @param text https://HOST[:PORT][/PATH]; a final `/v1` or `/v1/join` may be there and means the same.
 * @param name of the server's certificate, where it is not the host.
 * @throws ERR_USAGE
 */
export function parseEndpoint(text: string, name?: string): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new JoineryError('ERR_USAGE', 'url: expected https://HOST[:PORT] without user, query and fragment, found another form');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const base = url.pathname.replace(/\/+$/, '').replace(/\/v1(?:\/join)?$/, '');
  return { url: text, server: { host, port: Number(url.port || 443), name: name ?? host }, base };
}
