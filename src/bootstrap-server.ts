/** The server with the real world around it: what `createBootstrapServer` of the public library is, and what `server start` runs. */
import { jsonLogger } from './adapters/logger.ts';
import type { HttpServerOptions } from './adapters/http-server.ts';
import type { Attestor } from './app/join-peer.ts';
import type { JoinService } from './app/join-service.ts';
import type { Realm } from './app/realm.ts';
import { openServerRealm } from './cli/server-realm.ts';
import { type RunningServer, runServer, withOverrides } from './cli/server-run.ts';
import { type AssembledServer, assembleServer } from './cli/server-service.ts';
import { assertInternal } from './core/errors.ts';
import type { HttpHandler } from './core/join/http.ts';
import type { ServerConfig } from './core/realm/server-config.ts';
import { Secret } from './core/secret.ts';
import type { Logger, Metrics } from './core/telemetry.ts';

export interface BootstrapServerOptions {
  /** Directory of a realm, which is opened with its online keys alone; or a realm that is open, and stays so. */
  readonly realm: string | Realm;
  /** Of the online keys. */
  readonly onlinePassphrase?: Secret | string | (() => Promise<Secret>) | undefined;
  /** Members of `server` that count instead of those in `joinery.yaml`. */
  readonly server?: ServerConfig | undefined;
  /** Default: JSON lines on stderr. */
  readonly logger?: Logger | undefined;
  /** Default: a registry of its own. */
  readonly metrics?: Metrics | undefined;
  readonly attestors?: ReadonlyMap<string, Attestor> | undefined;
}

export interface BootstrapServer {
  /** REST: to be mounted by a service that has a listener of its own, which must hand over the client certificate. */
  readonly handler: HttpHandler;
  /** gRPC, gRPC-Web and Connect: a request listener of node:http2 and node:http. */
  readonly grpc: NonNullable<HttpServerOptions['grpc']>;
  readonly service: JoinService;
  /** Opens both listeners and begins the jobs. @throws ERR_SERVER_LISTEN, ERR_SERVER_CERTIFICATE, ERR_SERVER_ISSUER, ERR_KEY_* */
  listen(): Promise<RunningServer>;
  metricsText(): Promise<string>;
  /** Stops what {@link listen} began, and closes the realm if this server opened it. */
  close(): Promise<void>;
}

/**
 * @throws ERR_REALM_*, ERR_CONFIG_MALFORMED, ERR_KEY_PASSPHRASE, ERR_SERVER_PASSPHRASE, ERR_POLICY_*, ERR_TOKEN_HMAC_KEY
 */
export async function createBootstrapServer(options: BootstrapServerOptions): Promise<BootstrapServer> {
  const logger = options.logger ?? jsonLogger({ stream: process.stderr });
  const realm = await realmOf(options, logger);
  const assembled = await assembleServer(realm, { logger, metrics: options.metrics, attestors: options.attestors }).catch(
    async (error: unknown) => {
      await closeOwn(options, realm);
      throw error;
    },
  );
  return serverOf(options, realm, assembled);
}

async function realmOf({ realm, onlinePassphrase, server }: BootstrapServerOptions, logger: Logger): Promise<Realm> {
  const passphrase = async (): Promise<Secret | undefined> => {
    if (typeof onlinePassphrase === 'function') return onlinePassphrase();
    return typeof onlinePassphrase === 'string' ? new Secret(onlinePassphrase) : onlinePassphrase;
  };
  const warn = (message: string): void => logger.log('warn', message);
  const opened = typeof realm === 'string' ? await openServerRealm({ directory: realm, passphrase, warn }) : realm;
  return { ...opened, config: withOverrides(opened.config, server) };
}

async function closeOwn({ realm }: BootstrapServerOptions, opened: Realm): Promise<void> {
  if (typeof realm === 'string') await opened.store.close();
}

function serverOf(options: BootstrapServerOptions, realm: Realm, assembled: AssembledServer): BootstrapServer {
  let running: RunningServer | undefined;
  const { handler, grpc, service, telemetry } = assembled;
  return {
    handler,
    grpc,
    service,
    async listen() {
      assertInternal(running === undefined, 'the server listens already');
      running = await runServer(assembled, { overrides: options.server });
      return running;
    },
    metricsText: () => telemetry.metricsText(),
    async close() {
      if (running === undefined) {
        assembled.documents.close();
        service.close();
      } else await running.stop();
      await closeOwn(options, realm);
    },
  };
}
