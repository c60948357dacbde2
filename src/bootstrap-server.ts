/** The server with the real world around it: what `createBootstrapServer` of the public library is, and what `server start` runs. */
import { jsonLogger } from './adapters/logger.ts';
import type { SecureServerOptions, Http2SecureServer } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { addressOf, certificateOf } from './adapters/http-connections.ts';
import { type AnyRequest, socketOf } from './adapters/http-exchange.ts';
import { type HttpServerOptions, serverOptions } from './adapters/http-server.ts';
import { type MountedListener, mountOn } from './adapters/mounted-listener.ts';
import { authenticateNode } from './app/authenticate.ts';
import type { Attestor, Peer } from './app/join-peer.ts';
import type { JoinService } from './app/join-service.ts';
import type { NodeCertificate } from './app/node-records.ts';
import type { Realm } from './app/realm.ts';
import { readCredentials } from './cli/server-credentials.ts';
import { openServerRealm } from './cli/server-realm.ts';
import { type RunningServer, runServer, withOverrides } from './cli/server-run.ts';
import { type AssembledServer, assembleServer } from './cli/server-service.ts';
import { assertInternal } from './core/errors.ts';
import type { HttpHandler } from './core/join/http.ts';
import { limitsOf, type ServerConfig } from './core/realm/server-config.ts';
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
  /**
   * What `node:http2`'s createSecureServer is given by a service that has a listener of its own: certificate and key, TLS 1.3, a client
   * certificate that is asked for and judged for each request, limits of time and size. @throws as {@link listen}
   */
  listenerOptions(): Promise<SecureServerOptions>;
  /** Serves on the listener of a service, whose certificate it then keeps up to date, and begins the jobs. @throws as {@link listen} */
  mount(listener: Http2SecureServer | HttpsServer): Promise<MountedServer>;
  /**
   * The node that sends a request, for routes of the service: issued here, not expired, not revoked.
   * @throws ERR_JOIN_UNAUTHENTICATED, ERR_CERTIFICATE_EXPIRED, ERR_CERTIFICATE_REVOKED, ERR_CA_REVOKED, ERR_NODE_REVOKED, ERR_PEER_CERTIFICATE
   */
  nodeOf(request: AnyRequest): Promise<NodeCertificate>;
  metricsText(): Promise<string>;
  /** Stops what {@link listen} began, and closes the realm if this server opened it. */
  close(): Promise<void>;
}

export interface MountedServer extends Omit<RunningServer, 'address' | 'abort'>, Pick<MountedListener, 'handle'> {}

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
    listenerOptions: async () => serverOptions(await readCredentials(service.realm), limitsOf(service.realm.config.server)),
    async mount(listener) {
      assertInternal(running === undefined, 'the server listens already');
      const held: { mounted?: MountedListener } = {};
      running = await runServer(assembled, {
        overrides: options.server,
        open: (given) => Promise.resolve((held.mounted = mountOn(listener, given))),
      });
      const { handle } = held.mounted as MountedListener;
      return { ...running, handle };
    },
    nodeOf: (request) => authenticateNode(service, peerOf(request)),
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

function peerOf(request: AnyRequest): Peer {
  const socket = socketOf(request);
  return { address: addressOf(socket), transport: 'rest', correlationId: 'service', certificate: certificateOf(socket) };
}
