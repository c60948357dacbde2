/** Puts a server together without opening a port: the service, its telemetry, its limits, and the handlers over them. */
import { createHmac } from 'node:crypto';
import { resolve } from 'node:path';
import { execAlert, webhookAlert } from '../adapters/alert-hook.ts';
import { parseYaml } from '../adapters/config-file.ts';
import { type GrpcHandler, grpcHandler, type GrpcOptions } from '../adapters/grpc-server.ts';
import { hmacSigner } from '../adapters/hmac-key.ts';
import { prometheusMetrics } from '../adapters/metrics.ts';
import { writePkcs12 } from '../adapters/pkcs12.ts';
import { portableKeys } from '../adapters/portable-keys.ts';
import { systemRandom } from '../adapters/random.ts';
import { systemTimer } from '../adapters/timer.ts';
import { enrollShared } from '../app/enroll-shared.ts';
import type { Attestor } from '../app/join-peer.ts';
import { type JoinService, type OmnirelayService, openJoinService } from '../app/join-service.ts';
import { openPolicies } from '../app/load-policy.ts';
import { openPublicDocuments, type PublicDocuments } from '../app/public-documents.ts';
import type { Realm } from '../app/realm.ts';
import { REVOCATION_LOG } from '../app/revocation-log.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { isChallenge, mintChallenge, type SyncMac } from '../core/join/challenge.ts';
import type { HttpHandler } from '../core/join/http.ts';
import { RateLimiter } from '../core/join/rate-limit.ts';
import { uuidV4 } from '../core/names.ts';
import { limitsOf, type ServerConfig } from '../core/realm/server-config.ts';
import type { AlertSink, Logger, Metrics } from '../core/telemetry.ts';
import { parseHmacKey } from '../core/token/hmac-key.ts';
import { OMNIRELAY_CLI_ISSUER, OMNIRELAY_ISSUER } from '../core/token/omnirelay.ts';
import { withinCapacity } from '../server/capacity.ts';
import { assertRate, createHandlers } from '../server/handlers.ts';
import { createTelemetry, type Telemetry } from '../server/telemetry.ts';
import { type LiveAttestors, liveAttestors } from './attestation.ts';
import { systemProviders } from './providers.ts';

export interface ServiceOptions {
  readonly logger: Logger;
  /** Where the metrics of an embedding service are; default: an own registry with those of the process. */
  readonly metrics?: Metrics | undefined;
  /** Verify evidence, by the name of their provider. */
  readonly attestors?: ReadonlyMap<string, Attestor> | undefined;
}

export interface AssembledServer {
  readonly service: JoinService;
  readonly documents: PublicDocuments;
  readonly telemetry: Telemetry;
  readonly handler: HttpHandler;
  readonly grpc: GrpcHandler;
  readonly attestation: LiveAttestors;
}

/** @throws ERR_POLICY_*, ERR_FILE_*, ERR_TOKEN_HMAC_KEY, ERR_CONFIG_MALFORMED, and as `openAttestors` */
export async function assembleServer(realm: Realm, options: ServiceOptions): Promise<AssembledServer> {
  const { server } = realm.config;
  const telemetry = createTelemetry({
    metrics: options.metrics ?? prometheusMetrics({ process: true }),
    logger: options.logger,
    clock: realm.clock,
    environment: realm.config.environment.name,
    alerts: alertSink(server),
  });
  const policies = await openPolicies(realm, parseYaml);
  const attestation = await liveAttestors(realm, options.attestors);
  const mac = challengeMac();
  const opened: { service?: JoinService } = {};
  const limits = () => limitsOf((opened.service?.realm ?? realm).config.server);
  const perToken = new RateLimiter(realm.clock, () => limits().per_token);
  const perAddress = new RateLimiter(realm.clock, () => limits().per_address);
  const service = openJoinService(realm, {
    policies,
    observe: telemetry,
    omnirelay: await omnirelayService(realm, server?.omnirelay),
    verifyChallenge: (nonce) => isChallenge(mac, nonce, realm.clock.now()),
    admitToken: (id) => assertTokenRate(perToken, id),
    ticks: () => systemTimer.elapsed() / 1000,
    attestors: attestation.attestors,
    openProvider: systemProviders(realm.directory),
  });
  opened.service = service;
  const documents = openPublicDocuments(realm);
  const answering = createHandlers(service, {
    documents,
    perAddress,
    newChallenge: () => mintChallenge({ mac, random: systemRandom }, realm.clock.now()),
    served: (answer) => telemetry.request(answer),
    failed: (error, { method, path, peer }) =>
      logFailure(options.logger, error, { correlation_id: peer.correlationId, method, path: path.slice(0, 200) }),
  });
  const handler = withinCapacity(answering, () => limits().requests);
  const grpc = grpcHandler({
    handler,
    onRevocation: (changed) => realm.store.watch(REVOCATION_LOG, changed),
    enroll: server?.gastrolog === true ? gastrologEnroll(service, perAddress) : undefined,
    limits,
    newCorrelationId: () => uuidV4(systemRandom),
  });
  return { service, documents, telemetry, handler, grpc, attestation };
}

/** GastroLog's endpoint, which has no REST call beside it: under the same limit of addresses. */
function gastrologEnroll(service: JoinService, perAddress: RateLimiter): NonNullable<GrpcOptions['enroll']> {
  return async (request, peer) => {
    assertRate(perAddress, peer.address);
    return enrollShared(service, request, { ...peer, transport: 'gastrolog' });
  };
}

/** For nonces: a key of this process, because they live for a minute only. */
function challengeMac(): SyncMac {
  const key = systemRandom.bytes(32);
  return (data) => new Uint8Array(createHmac('sha256', key).update(data).digest());
}

/** @throws ERR_RATE_LIMITED */
function assertTokenRate(limiter: RateLimiter, id: string): void {
  const wait = limiter.take(id);
  if (wait === 0) return;
  throw new JoineryError(
    'ERR_RATE_LIMITED',
    `token or certificate: expected fewer requests with it, found too many; the next may come in ${wait} s`,
    {
      details: { retry_after: wait },
    },
  );
}

function alertSink(server: ServerConfig | undefined): AlertSink | undefined {
  const { exec, webhook } = server?.alerts ?? {};
  const sinks = [...(exec === undefined ? [] : [execAlert(exec)]), ...(webhook === undefined ? [] : [webhookAlert(webhook)])];
  if (sinks.length === 0) return undefined;
  return async (message) => {
    await Promise.all(sinks.map((send) => send(message)));
  };
}

const MAX_KEY_FILE = 64 * 1024;

async function omnirelayService(realm: Realm, config: ServerConfig['omnirelay']): Promise<OmnirelayService | undefined> {
  if (config === undefined) return undefined;
  const file = resolve(realm.directory, config.key_file);
  // OmniRelay accepts a key of any length.
  const key = parseHmacKey(decodeUtf8(await realm.files.read(file, MAX_KEY_FILE), file), file, 1);
  const { sign } = hmacSigner(key);
  return {
    mac: (data) => sign(data),
    issuers: config.issuers ?? [OMNIRELAY_ISSUER, OMNIRELAY_CLI_ISSUER],
    portableKeys,
    writePkcs12: (contents) => Promise.resolve(writePkcs12(contents, systemRandom)),
  };
}

/** What failed. Of a bug the name and the place: its text may hold what a peer sent. */
function logFailure(logger: Logger, error: unknown, fields: Readonly<Record<string, string>>): void {
  if (isJoineryError(error) && error.family !== 'bug') {
    logger.log('error', 'request failed', { ...fields, code: error.code, detail: error.message });
    return;
  }
  // A bug below a use case comes wrapped.
  const origin = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const trace =
    origin instanceof Error
      ? (origin.stack ?? '')
          .split('\n')
          .filter((line) => /^\s+at /.test(line))
          .slice(0, 8)
      : [];
  logger.log('error', 'bug', {
    ...fields,
    error: origin instanceof Error ? origin.name : 'not an error',
    trace: trace.map((line) => line.trim()),
  });
}
