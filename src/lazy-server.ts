/** The server for the public library: its libraries (gRPC, metrics, logging, SQLite) load when a server is made, not when a token is verified. */
import type { BootstrapServer, BootstrapServerOptions } from './bootstrap-server.ts';

/** @throws ERR_REALM_*, ERR_CONFIG_MALFORMED, ERR_KEY_PASSPHRASE, ERR_SERVER_PASSPHRASE, ERR_POLICY_*, ERR_TOKEN_HMAC_KEY */
export async function createBootstrapServer(options: BootstrapServerOptions): Promise<BootstrapServer> {
  const { createBootstrapServer: create } = await import('./bootstrap-server.ts');
  return create(options);
}
