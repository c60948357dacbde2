/** How the flags of `token check-server` become a server and the pin that it is held against. */
import { JoineryError } from '../core/errors.ts';
import { isPin, type Pin } from '../core/digest.ts';
import type { PinnedTls, ServerAddress } from '../core/key-ports.ts';
import { pinOfToken, type ServerPin } from '../core/token/pin.ts';

/** TLS is loaded when a server is asked. */
export const pinnedTls: PinnedTls = {
  presentedChain: async (server) => (await import('../adapters/pinned-tls.ts')).pinnedTls.presentedChain(server),
  provenChain: async (server, anchors) => (await import('../adapters/pinned-tls.ts')).pinnedTls.provenChain(server, anchors),
};

/** @param connect `host:port`, `[IPv6 address]:port`. @throws ERR_USAGE */
export function serverFlag(connect: string, name: string | undefined): ServerAddress {
  const [, six, host = six, digits = ''] = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253})):(\d{1,5})$/.exec(connect) ?? [];
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new JoineryError('ERR_USAGE', `--connect: expected HOST:PORT, found ${JSON.stringify(connect.slice(0, 80))}`);
  }
  return { host, port, name: name ?? host };
}

/**
 * The pin in the token, or the one that came beside a token that has none.
 * @throws ERR_USAGE, ERR_PIN_NONE and those of {@link pinOfToken}
 */
export function pinByFlags(token: string, beside: readonly string[]): ServerPin {
  const pin = pinOfToken(token);
  const wrong = beside.find((value) => !isPin(value));
  if (wrong !== undefined) throw new JoineryError('ERR_USAGE', '--pin: expected sha256: and 64 lower-case hex digits, found another form');
  if (pin !== undefined && beside.length > 0)
    throw new JoineryError('ERR_USAGE', '--pin: expected with a token that pins no server itself, found with one that does');
  if (pin !== undefined) return pin;
  if (beside.length > 0) return { kind: 'key', pins: beside as readonly string[] as readonly Pin[] };
  throw new JoineryError('ERR_PIN_NONE', 'token: expected a pin of the server in it, found none', {
    hint: 'name the pin that came beside the token: --pin sha256:HEX',
  });
}
