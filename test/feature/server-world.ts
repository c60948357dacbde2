/** A realm with both trust domains, nodes that join it, and a server of it as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateReadBack } from '../../src/adapters/certificate-read-back.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { loadConfig } from '../../src/adapters/config-file.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifyJws } from '../../src/adapters/jose.ts';
import { openKeyVault } from '../../src/adapters/key-files.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { createBootstrapClient } from '../../src/bootstrap-client.ts';
import type { BootstrapClient } from '../../src/client/client.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Instant, Seconds } from '../../src/core/time.ts';
import { writeCsr } from '../../src/core/x509/csr-writer.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { runCli } from '../cli/harness.ts';
import { joineryCommand } from '../fakes/joinery-command.ts';

export interface TestRealm {
  readonly directory: string;
  /** PEM of the root of control-plane-https. */
  readonly webRoot: string;
  /** Runs a command of joinery in this process. @returns `data` of its result; throws the code of its error. */
  run(...argv: string[]): Promise<Record<string, unknown>>;
  mint(...argv: string[]): Promise<string>;
  /** Tokens for one use each; in a realm with plain keys only. */
  mintMany(count: number): Promise<readonly string[]>;
  /** A token of cluster prod that was minted an hour ago, for a quarter of one. */
  readonly expiredToken: string;
  audit(event?: string): Promise<readonly AuditRecord[]>;
  /** Changes joinery.yaml. */
  configure(change: (config: Record<string, unknown>) => void): void;
  remove(): void;
}

export interface AuditRecord {
  readonly event: string;
  readonly subject: string;
  readonly result: string;
  readonly reason?: string;
  readonly correlation_id: string;
  readonly details: Record<string, unknown>;
}

const CLUSTERS = [
  {
    name: 'prod',
    roles: ['worker', 'control-plane'],
    join_urls: ['https://127.0.0.1:8443', 'https://localhost:8443'],
    node_lifetime: 3600,
  },
  { name: 'edge', roles: ['worker'] },
];

/** @param keys how its keys are kept: in the clear, which is quick, or under two passphrases. */
export async function testRealm(keys: 'plain' | { readonly offline: string; readonly online: string } = 'plain'): Promise<TestRealm> {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-server-'));
  const env = { JOINERY_REALM: directory, HOME: directory, JOINERY_ACTOR: 'alice' };
  const secrets = keys === 'plain' ? {} : { JOINERY_PASSPHRASE: keys.offline, JOINERY_ONLINE_PASSPHRASE: keys.online };
  const run = async (...argv: string[]): Promise<Record<string, unknown>> => {
    const result = await runCli([...argv, '--json'], { cwd: directory, env: { ...env, ...secrets } });
    const { ok, data, error } = result.json();
    if (!ok) throw Object.assign(new Error(`${argv.join(' ')}: ${error.code} ${error.message}`), { code: error.code });
    return data;
  };
  const file = join(directory, 'joinery.yaml');
  const configure = (change: (config: Record<string, unknown>) => void): void => {
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    change(config);
    writeFileSync(file, JSON.stringify(config, undefined, 2));
  };
  const plain = keys === 'plain' ? ['--insecure-plaintext-keys'] : [];
  await run('init', '--environment', 'lab', '--domain', 'lab.example', '--cluster', 'prod', '--roles', 'worker,control-plane', ...plain);
  const config = { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain: 'lab.example' }, trust_domain: 'lab.example' };
  const admins = [
    { name: 'root', may: ['token.mint', 'token.revoke', 'cert.revoke'] },
    { name: 'looker', may: ['token.mint'] },
  ];
  const server = { listen: '127.0.0.1:0', admin_listen: '127.0.0.1:0', limits: { per_address: 1_000_000, drain_timeout: 3 } };
  // JSON is YAML, and is changed by tests without a parser for it.
  writeFileSync(file, JSON.stringify({ ...config, clusters: CLUSTERS, admins, server }));
  await run('ca', 'create', 'web-root');
  await run('ca', 'create', 'web-issuing', '--parent', 'web-root');
  await run('ca', 'create', 'node-root');
  await run('ca', 'create', 'node-issuing', '--parent', 'node-root');
  for (const [purpose, ca] of [
    ['control-plane-https', 'web-root'],
    ['node-cert-lifecycle', 'node-root'],
  ] as const) {
    await run('trust', 'publish', '--purpose', purpose, '--ca', ca);
    await run('trust', 'activate', '--purpose', purpose, '--version', '1');
  }
  // Before anything else is minted: later the realm would refuse a clock that is behind.
  const [expiredToken = ''] = keys === 'plain' ? await mintDirectly(directory, 1, 3600) : [];
  let tokens = 0;
  return {
    directory,
    webRoot: readFileSync(join(directory, 'ca/web-root.crt'), 'utf8'),
    run,
    expiredToken,
    mintMany: (count) => mintDirectly(directory, count),
    async mint(...argv) {
      const out = join(directory, `token-${tokens++}`);
      await run('token', 'mint', '--cluster', 'prod', '--role', 'worker', '--out', out, ...argv);
      return readFileSync(out, 'utf8').trim();
    },
    async audit(event) {
      const { records } = (await run('audit', 'list', ...(event === undefined ? [] : ['--event', event]))) as { records: AuditRecord[] };
      return records;
    },
    configure,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** Mints without a process or a command line for each. @param ago seconds that the clock of the minting machine is behind */
async function mintDirectly(directory: string, count: number, ago = 0): Promise<readonly string[]> {
  const { config } = await loadConfig(directory);
  const store = await openSqliteStore({ path: join(directory, 'state.db') });
  const vault = openKeyVault({ directory, files: systemFiles, plaintext: true, passphrase: () => Promise.reject(new Error('plain')) });
  const clock = { now: () => (systemClock.now() - ago) as Instant };
  const world = { clock, random: systemRandom, verifySignature, verifyJws, certificates: certificateReadBack, files: systemFiles };
  const realm = { ...world, directory, config, store, vault, caller: { actor: { name: 'alice', verified: false }, correlationId: 'bulk' } };
  const request = { clusters: ['prod'], role: 'worker', ttl: 900 as Seconds };
  const minted = await Promise.all(Array.from({ length: count }, () => mintToken(realm, request)));
  await store.close();
  return minted.map(({ token }) => token.reveal());
}

/** A server that runs, however it was started. */
export interface StartedServer {
  readonly url: string;
  readonly adminUrl: string;
  /** Lines of its log. */
  log(): readonly Record<string, unknown>[];
  /** SIGHUP, or what stands for it. */
  reload(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** How the feature suite starts what it tests. */
export interface ServerFixture {
  readonly name: string;
  start(realm: TestRealm, options?: { readonly env?: Record<string, string>; readonly port?: number }): Promise<StartedServer>;
}

/** Waits for the line that tells the addresses, on the standard output of a child. */
function listening(child: ChildProcess, errors: () => string): Promise<{ listen: string; admin: string }> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += String(chunk);
      const line = /^\{.*"event".*\}$/m.exec(text)?.[0];
      if (line !== undefined) resolve(JSON.parse(line) as { listen: string; admin: string });
    });
    child.once('exit', () => reject(new Error(`the server ended before it listened: ${text}${errors()}`)));
  });
}

/** Starts a program that prints `{"event":"listening","listen","admin"}` and logs JSON lines to stderr. */
export async function startProcess(
  [program, ...argv]: readonly [string, ...string[]],
  realm: TestRealm,
  env: Record<string, string> = {},
): Promise<StartedServer> {
  const child = spawn(program, argv, {
    cwd: realm.directory,
    env: { PATH: process.env['PATH'], HOME: realm.directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += String(chunk)));
  const exited = once(child, 'exit');
  const { listen, admin } = await listening(child, () => errors);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return {
    url: listen,
    adminUrl: admin,
    log: () =>
      errors
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    reload: async () => {
      const before = errors.length;
      child.kill('SIGHUP');
      while (!/reload|certificate changed/.test(errors.slice(before)) && child.exitCode === null)
        await new Promise((done) => setTimeout(done, 20));
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

/** `joinery server start` as a process: of the executable of JOINERY_BIN, or over the sources. */
export const serverStart: ServerFixture = {
  name: 'server start',
  start: (realm, { env = {}, port = 0 } = {}) =>
    startProcess(
      [...joineryCommand('sources'), 'server', 'start', '--realm', realm.directory, '--listen', `127.0.0.1:${port}`, '--json'],
      realm,
      env,
    ),
};

export interface TestNode {
  /** PEM. */
  readonly csr: string;
  readonly key: Secret;
}

export async function newNode(): Promise<TestNode> {
  const key = portableKeys.generate('p256');
  const csr = toPem('CERTIFICATE REQUEST', await writeCsr(key.signing(), { subject: writeName([]), names: [] }));
  return { csr, key: new Secret(await key.toPem(undefined)) };
}

/** A client that trusts the realm's root; with a reply it is that node. */
export function clientOf(
  realm: TestRealm,
  server: Pick<StartedServer, 'url'>,
  as?: { readonly node: TestNode; readonly reply: JoinReply },
): BootstrapClient {
  return createBootstrapClient({
    urls: [server.url],
    trust: { kind: 'anchors', pem: () => Promise.resolve(realm.webRoot) },
    ...(as !== undefined && {
      identity: () => Promise.resolve({ key: as.node.key, certificates: as.reply.certificate_pem + as.reply.chain_pem }),
    }),
    attempts: 1,
    timeoutMs: 20_000,
  });
}

/** The value of a metric, 0 where it is not there. */
export async function metric(server: Pick<StartedServer, 'adminUrl'>, name: string, labels: Record<string, string> = {}): Promise<number> {
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const wanted = lines.filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)));
  return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Where `server-child.ts` ends itself: while it reads the token, before it signs, before and after the commit, before the reply. */
export const STEPS = ['read', 'sign', 'commit', 'committed', 'reply'] as const;
