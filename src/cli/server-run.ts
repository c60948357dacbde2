/** A server that runs: its ports, its jobs, what it watches, and how it ends. */
import { join } from 'node:path';
import { CONFIG_FILES, loadConfig } from '../adapters/config-file.ts';
import { watchFiles } from '../adapters/file-watch.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../adapters/http-server.ts';
import { startPlainServer } from '../adapters/plain-server.ts';
import { systemRandom } from '../adapters/random.ts';
import { signCheckpoint } from '../app/checkpoint-audit.ts';
import { PROVIDER_REVOCATIONS } from '../app/provider-outbox.ts';
import { refreshCrls } from '../app/refresh-crls.ts';
import { flushRefusals } from '../app/refusals.ts';
import { revokedFingerprint, spentPeers } from '../app/revoked-peers.ts';
import { canonicalJson, type JsonObject } from '../core/canonical-json.ts';
import { JoineryError, isJoineryError } from '../core/errors.ts';
import { uuidV4 } from '../core/names.ts';
import { attestationFiles } from '../core/realm/attestation-config.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import {
  DEFAULT_ADMIN_LISTEN,
  DEFAULT_LISTEN,
  limitsOf,
  type ListenAddress,
  listenAddress,
  type ServerConfig,
} from '../core/realm/server-config.ts';
import { createAdminHandler } from '../server/admin-listener.ts';
import { problemResponse } from '../server/responses.ts';
import { collectJob } from './server-collect.ts';
import { credentialFiles, type FoundCredentials, readCredentials } from './server-credentials.ts';
import { PROVIDER_TRUST, providerJobs, TELL_PROVIDERS } from './provider-jobs.ts';
import { diskProbe } from './server-disk.ts';
import { gaugesJob } from './server-gauges.ts';
import { type Jobs, startJobs } from './server-jobs.ts';
import type { AssembledServer } from './server-service.ts';

export interface RunOptions {
  /** Opens the port for nodes; default: one of its own, by `server.listen`. */
  readonly open?: ((options: HttpServerOptions) => Promise<HttpServer>) | undefined;
  /** Members of `server` that count instead of those in `joinery.yaml`, also after a reload. */
  readonly overrides?: ServerConfig | undefined;
}

export interface RunningServer {
  readonly address: ListenAddress;
  readonly adminAddress: ListenAddress;
  /** Reads configuration, policies and certificate again. What is wrong is logged, and what held before stays. */
  reload(): Promise<void>;
  /** Takes no more, answers what is under way, signs the audit log, and closes. */
  stop(): Promise<void>;
  /** Ends every connection at once; {@link stop} must have been called. */
  abort(): void;
}

export function withOverrides(config: RealmConfig, overrides: ServerConfig | undefined): RealmConfig {
  return overrides === undefined ? config : { ...config, server: { ...config.server, ...overrides } };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** @throws ERR_SERVER_LISTEN, ERR_SERVER_CERTIFICATE, ERR_SERVER_ISSUER, ERR_KEY_*, ERR_FILE_* */
export async function runServer(assembled: AssembledServer, options: RunOptions): Promise<RunningServer> {
  const { service, telemetry } = assembled;
  const { logger } = telemetry;
  const credentials = { now: await readCredentials(service.realm) };
  const limits = () => limitsOf(service.realm.config.server);
  const http = await (options.open ?? startHttpServer)({
    listen: listenAddress(service.realm.config.server?.listen ?? DEFAULT_LISTEN),
    credentials: credentials.now,
    handler: assembled.handler,
    grpc: assembled.grpc,
    limits,
    newCorrelationId: () => uuidV4(systemRandom),
    refuse: (status, code, correlationId) => problemResponse(new JoineryError(code, REFUSALS[code]), correlationId, status),
  });
  const state: State = { assembled, http, credentials, options, revoked: {}, disk: diskProbe(service.realm), stopping: false };
  const admin = await startPlainServer(
    listenAddress(service.realm.config.server?.admin_listen ?? DEFAULT_ADMIN_LISTEN),
    adminHandler(state),
  ).catch(async (error: unknown) => {
    await http.stop(0);
    throw error;
  });
  const jobs = startJobs(jobsOf(state), (name, code, message) => logger.log('error', `${name} failed`, { code, detail: message }));
  for (const name of ['crls', 'refusals', 'gauges', TELL_PROVIDERS, PROVIDER_TRUST]) jobs.poke(name);
  const unwatch = watchAll(state, jobs);
  warnOfMissingPolicies(assembled);
  logger.log('info', 'server started', { ...describe(state), admin: `${admin.address.host}:${admin.address.port}` });
  return {
    address: http.address,
    adminAddress: admin.address,
    reload: () => reloadAll(state, jobs),
    abort: () => http.abort(),
    async stop() {
      state.stopping = true;
      logger.log('info', 'server stopping', { ...http.load() });
      unwatch();
      assembled.grpc.endStreams();
      await http.stop(limits().drain_timeout * SECOND);
      await jobs.stop();
      await lastWords(state);
      await admin.stop();
      assembled.documents.close();
      service.close();
      logger.log('info', 'server stopped');
    },
  };
}

/** Without a policy the token alone decides, which is right for a lab. */
function warnOfMissingPolicies({ service, telemetry }: AssembledServer): void {
  for (const { name, policy } of service.realm.config.clusters) {
    if (policy === undefined) telemetry.logger.log('warn', 'cluster without a policy: nodes join as their tokens say', { cluster: name });
  }
}

const REFUSALS = {
  ERR_INPUT_TOO_LARGE: 'request: expected a smaller body, found more than the limit',
  ERR_REQUEST_TIMEOUT: 'request: expected it whole in time, found it unfinished',
  ERR_SERVER_BUSY: 'server: expected less to do at once, found too many requests under way',
  ERR_REQUEST_MALFORMED: 'host: expected it once, found it more than once',
  ERR_INTERNAL: 'the server failed',
} as const;

interface State {
  readonly assembled: AssembledServer;
  readonly http: HttpServer;
  readonly credentials: { now: FoundCredentials };
  readonly options: RunOptions;
  /** Authorities whose list says too little. */
  readonly revoked: { authorities?: Set<string> };
  readonly disk: () => Promise<void>;
  stopping: boolean;
}

function describe({ http, credentials }: State): JsonObject {
  const { source, serial } = credentials.now;
  return { listen: `${http.address.host}:${http.address.port}`, certificate_source: source, certificate_serial: serial };
}

function adminHandler(state: State) {
  const { telemetry } = state.assembled;
  return createAdminHandler({
    unready: () => problemsOf(state),
    metricsText: () => {
      telemetry.load(state.http.load());
      return telemetry.metricsText();
    },
    metricsType: telemetry.metricsType,
  });
}

/** What is not as it must be to serve, in words for whoever runs the server. */
async function problemsOf({ stopping, assembled: { service }, credentials, disk }: State): Promise<readonly string[]> {
  const { realm } = service;
  if (stopping) return ['stopping'];
  const problems: string[] = [];
  if (credentials.now.notAfter <= realm.clock.now()) problems.push('certificate: expired');
  const probe = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      problems.push(`${name}: ${isJoineryError(error) ? error.code : 'ERR_INTERNAL'}`);
    }
  };
  await probe('store', () => realm.store.get('realm'));
  await probe('disk', disk);
  await probe('trust', () => service.trustChains());
  for (const { name } of realm.config.clusters) await probe(`cluster ${name}`, () => service.issuerOf(name));
  return problems;
}

function jobsOf(state: State) {
  const { service } = state.assembled;
  return [
    { name: 'collect', everyMs: 360 * MINUTE, run: () => collectJob(service.realm, state.assembled.telemetry.logger) },
    { name: 'checkpoint', everyMs: MINUTE, run: () => signCheckpoint(service.realm) },
    { name: 'crls', everyMs: 5 * SECOND, run: () => refreshLists(state) },
    { name: 'refusals', everyMs: 5 * SECOND, run: () => flushRefusals(service) },
    { name: 'certificate', everyMs: MINUTE, run: () => refreshCredentials(state) },
    { name: 'connections', everyMs: MINUTE, run: () => cutSpent(state) },
    { name: 'gauges', everyMs: MINUTE, run: gaugesJob(gaugesOf(state)) },
    ...providerJobs(state.assembled),
  ];
}

function gaugesOf({ assembled: { service, telemetry }, credentials }: State) {
  return { telemetry, realm: () => service.realm, certificate: () => credentials.now };
}

/** The first round looks at all authorities, later ones at those of which something was revoked since. */
async function refreshLists({ assembled: { service, telemetry }, revoked }: State): Promise<void> {
  const due = revoked.authorities;
  revoked.authorities = new Set();
  const { issued, failed } = await refreshCrls(service.realm, due);
  for (const { name, number, entries } of issued) telemetry.logger.log('info', 'revocation list issued', { ca: name, number, entries });
  for (const { name, error } of failed) {
    revoked.authorities.add(name);
    telemetry.logger.log('error', 'revocation list failed', { ca: name, code: error.code, detail: error.message });
  }
}

/** Takes a new certificate, for handshakes to come. */
async function refreshCredentials({ assembled: { service, telemetry }, http, credentials }: State): Promise<void> {
  const found = await readCredentials(service.realm);
  if (found.chainPem === credentials.now.chainPem) return;
  credentials.now = found;
  http.setCredentials(found);
  telemetry.logger.log('info', 'certificate changed', { certificate_source: found.source, certificate_serial: found.serial });
}

/** FORMATS 4: a revocation ends connections that are open; so do the end of a certificate and the revocation of its authority. */
async function cutSpent({ assembled: { service, telemetry }, http }: State): Promise<void> {
  for (const fingerprint of await spentPeers(service.realm, http.peers())) logCut(telemetry, fingerprint, http.cut(fingerprint));
}

function logCut({ logger }: AssembledServer['telemetry'], fingerprint: string, connections: number): void {
  if (connections > 0) logger.log('info', 'connections cut', { fingerprint, connections });
}

function watchAll(state: State, jobs: Jobs): () => void {
  const { assembled, http } = state;
  const { service, telemetry } = assembled;
  const { store } = service.realm;
  const cut = async (key: string): Promise<void> => {
    const fingerprint = await revokedFingerprint(service.realm, key);
    if (fingerprint !== undefined) logCut(telemetry, fingerprint, http.cut(fingerprint));
  };
  const failed = (error: unknown): void => telemetry.logger.log('error', 'cut failed', { detail: String(error) });
  const poke =
    (...names: readonly string[]) =>
    () =>
      names.forEach((name) => jobs.poke(name));
  const stops = [
    store.watch('revocation/', (keys) => {
      for (const key of keys) {
        state.revoked.authorities?.add(key.split('/')[1] as string);
        void cut(key).catch(failed);
      }
    }),
    store.watch(PROVIDER_REVOCATIONS, poke(TELL_PROVIDERS)),
    store.watch('ca/', poke('certificate', 'connections')),
    store.watch('cluster/', poke('certificate')),
    store.watch('trust/', poke('certificate')),
    watchFiles(
      () => watchedFiles(state),
      (changed) => {
        telemetry.logger.log('info', 'files changed', { files: [...changed] });
        void reloadAll(state, jobs);
      },
    ),
  ];
  return () => stops.forEach((stop) => stop());
}

function watchedFiles({ assembled: { service } }: State): readonly string[] {
  const { directory, config } = service.realm;
  const policies = config.clusters.flatMap(({ policy }) => (policy === undefined ? [] : [policy, `${policy}.jws`]));
  const inRealm = (file: string): string => (file.startsWith('/') ? file : join(directory, file));
  const evidence = attestationFiles(config.attestation ?? []);
  return [...[...CONFIG_FILES, ...policies, ...evidence].map(inRealm), ...credentialFiles(service.realm)];
}

async function reloadAll(state: State, jobs: Jobs): Promise<void> {
  const { assembled, options } = state;
  const { service, telemetry } = assembled;
  const { realm } = service;
  try {
    const { config: read } = await loadConfig(realm.directory);
    const config = withOverrides(read, options.overrides);
    if (canonicalJson(config as unknown as JsonObject) !== canonicalJson(realm.config as unknown as JsonObject)) {
      service.reconfigure(config);
      telemetry.logger.log('info', 'configuration reload ok');
    }
    telemetry.policyReloads(await service.policies.reload(config));
    await assembled.attestation.reload(config);
  } catch (error) {
    const code = isJoineryError(error) ? error.code : 'ERR_INTERNAL';
    telemetry.logger.log('error', 'configuration reload failed', { code, detail: isJoineryError(error) ? error.message : '' });
  }
  jobs.poke('certificate');
}

/** What was counted is recorded, alerts are sent, and the audit log is signed over all of it. */
async function lastWords({ assembled: { service, telemetry } }: State): Promise<void> {
  try {
    await flushRefusals(service, true);
    await signCheckpoint(service.realm);
  } catch (error) {
    telemetry.logger.log('error', 'last checkpoint failed', { code: isJoineryError(error) ? error.code : 'ERR_INTERNAL' });
  }
  await telemetry.idle();
}
