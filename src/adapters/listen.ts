/** Opens the port of a server. */
import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import { JoineryError } from '../core/errors.ts';
import type { ListenAddress } from '../core/realm/server-config.ts';

/** Connections that may wait to be accepted: a whole fleet may come at once. */
const BACKLOG = 4096;

/**
 * @param member of `server` in joinery.yaml that names the address. @returns where it listens, with the port that the system chose.
 * @throws ERR_SERVER_LISTEN
 */
export async function listenOn(server: Server, { host, port }: ListenAddress, member: 'listen' | 'admin_listen'): Promise<ListenAddress> {
  server.listen({ host, port, backlog: BACKLOG });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new JoineryError(
      'ERR_SERVER_LISTEN',
      `${member}: expected to open ${host}:${port}, found ${(cause as NodeJS.ErrnoException).code}`,
      { hint: `is another server there? server.${member} in joinery.yaml names another address`, cause },
    );
  }
  const bound = server.address() as AddressInfo;
  return { host: bound.address, port: bound.port };
}
