/** Agents over a realm in memory, in virtual time: everything is real but TLS, the disk and the clock. */
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { openPublicDocuments } from '../../src/app/public-documents.ts';
import type { AgentOptions, AgentWorld } from '../../src/client/agent-world.ts';
import { joinNode } from '../../src/client/join-node.ts';
import { type NodeAgent, startAgent } from '../../src/client/node-agent.ts';
import { parsePem, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { RateLimiter } from '../../src/core/join/rate-limit.ts';
import type { OpenTransport } from '../../src/core/join/transport.ts';
import { Secret } from '../../src/core/secret.ts';
import type { AlertMessage } from '../../src/core/telemetry.ts';
import { limitsOf } from '../../src/core/realm/server-config.ts';
import { parseInstant } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { serverCertificate } from '../../src/app/server-certificate.ts';
import { createHandlers } from '../../src/server/handlers.ts';
import { type JoinWorld, joinWorld } from './join-realm.ts';
import { type MemoryFiles, memoryFiles } from './memory-files.ts';
import { fakeRandom } from './random.ts';
import { type VirtualTime, virtualTime } from './virtual-time.ts';

export interface Fleet extends JoinWorld {
  readonly time: VirtualTime;
  /** Paths that were asked for, by whom, and when (milliseconds). */
  readonly asked: { readonly path: string; readonly at: number; readonly answered: boolean }[];
  /** No server answers. */
  outage: boolean;
  /** Joins a node and starts its agent. */
  join(node: string, options?: Partial<AgentOptions>): Promise<FleetNode>;
  /** Starts an agent over a node directory that is there. */
  start(node: FleetNode, options?: Partial<AgentOptions>): FleetNode;
  run(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

export interface FleetNode {
  readonly name: string;
  readonly files: MemoryFiles;
  readonly world: AgentWorld;
  readonly agent: NodeAgent;
  readonly alerts: AlertMessage[];
  readonly hooks: string[];
  readonly notices: string[];
  readonly lines: string[];
}

export const DIRECTORY = '/node';
const URL_OF_SERVER = 'https://boot.control.example.internal:8443';

export async function agentFleet(life: number, config: object = {}): Promise<Fleet> {
  const time = virtualTime(parseInstant('2026-11-22T10:00:00Z') as ReturnType<VirtualTime['clock']['now']>);
  const server = { certificate: { dns: ['boot.control.example.internal'] } };
  const clusters = [{ name: 'prod', roles: ['worker'], join_urls: [URL_OF_SERVER], node_lifetime: life }];
  const world = await joinWorld({ clock: time.clock, clusters, config: { server, ...config } });
  const handler = createHandlers(world.service, {
    documents: openPublicDocuments(world.realm),
    perAddress: new RateLimiter(time.clock, () => limitsOf(undefined).per_address),
    newChallenge: () => ({ nonce: 'n', expires_at: '2030-01-01T00:00:00Z' }),
    served: () => undefined,
    failed: (error) => {
      throw error;
    },
  });
  const credentials = await serverCertificate(world.realm);
  const shown = parsePem(credentials.chainPem).map(({ der }) => der);
  const pin = parseCertificate(shown.at(-1) as Uint8Array).pin;
  const asked: Fleet['asked'] = [];
  const state = { outage: false };
  let correlation = 0;
  const openTransport: OpenTransport = ({ server: address, tls, judge }) => ({
    async request({ method, path, headers, body }) {
      const settings = await tls();
      asked.push({ path, at: time.elapsed(), answered: !state.outage });
      if (state.outage) throw new JoineryError('ERR_SERVER_UNREACHABLE', `${address.host}: expected a server, found none`);
      judge(shown, settings);
      const certificate = settings.identity && parseCertificate(parsePem(settings.identity.certificates)[0]?.der as Uint8Array);
      correlation += 1;
      const answer = await handler({
        method,
        path: path.split('?')[0] as string,
        query: new URLSearchParams(path.split('?')[1]),
        headers: new Map(Object.entries(headers)),
        body: body ?? new Uint8Array(),
        // All behind one address, as a site is.
        peer: { address: '10.0.0.1', correlationId: `c-${correlation}`, certificate },
        signal: new AbortController().signal,
      });
      const bytes = typeof answer.body === 'string' ? utf8(answer.body) : answer.body;
      return { status: answer.status, headers: new Map(Object.entries(answer.headers)), body: bytes };
    },
    close: () => Promise.resolve(),
  });
  const nodes: FleetNode[] = [];
  const worldOf = (name: string, files: MemoryFiles, heard: Pick<FleetNode, 'alerts' | 'hooks' | 'notices' | 'lines'>): AgentWorld => ({
    clock: time.clock,
    timer: time.timer,
    random: fakeRandom(`agent-${name}`),
    verifySignature,
    tls: { presentedChain: () => Promise.resolve(shown), provenChain: () => Promise.resolve(shown) },
    openTransport,
    download: () => Promise.reject(new JoineryError('ERR_TRUST_DOWNLOAD', 'none')),
    files,
    switches: files.switches,
    keys: portableKeys,
    actor: 'node',
    runHook: (hook, identity) => Promise.resolve(void heard.hooks.push(`${hook.kind} ${identity}`)),
    alert: (message) => Promise.resolve(void heard.alerts.push(message)),
    notify: (...states) => Promise.resolve(void heard.notices.push(...states)),
    log: (level, message, fields) => void heard.lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`),
  });
  const fleet: Omit<Fleet, keyof JoinWorld> = {
    time,
    asked,
    get outage() {
      return state.outage;
    },
    set outage(value) {
      state.outage = value;
    },
    async join(name, options) {
      const heard = { alerts: [], hooks: [], notices: [], lines: [] };
      const files = memoryFiles();
      const nodeWorld = worldOf(name, files, heard);
      const token = await world.mint({ node: name, urls: [URL_OF_SERVER], pins: [pin] });
      await joinNode(nodeWorld, {
        directory: DIRECTORY,
        urls: [],
        pins: [],
        trustDigests: {},
        token: () => Promise.resolve(new Secret(token)),
      });
      return fleet.start({ name, files, world: nodeWorld, ...heard } as unknown as FleetNode, options);
    },
    start(node, options) {
      const agent = startAgent(node.world, { directory: DIRECTORY, timeoutMs: 60_000, trustEvery: 3600, ...options });
      const started = { ...node, agent };
      nodes.push(started);
      return started;
    },
    run: (seconds) => time.run(seconds, () => nodes.length),
    async stop() {
      for (const { agent } of nodes) agent.stop();
      await Promise.all(nodes.map(({ agent }) => agent.done));
      nodes.length = 0;
    },
  };
  return Object.defineProperties(fleet, Object.getOwnPropertyDescriptors(world)) as Fleet;
}
