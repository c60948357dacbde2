/** A node directory and the server that its join agent meets: honest unless a test says otherwise. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  lstatSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../src/core/digest.ts';
import { parsePem, toPem, utf8 } from '../../src/core/encoding.ts';
import type { SigningKey } from '../../src/core/key-ports.ts';
import { compact } from '../../src/core/onboarding/compact.ts';
import { formatInstant, type Instant } from '../../src/core/time.ts';
import { parseCsr } from '../../src/core/x509/csr.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { type Authority, make, type MakeOptions } from '../core/x509/make.ts';
import { type Identity, identity, LOCALHOST } from '../fakes/tls-server.ts';

const templates = fileURLToPath(new URL('../../templates/', import.meta.url));

export const TOKEN = 'eyJ0eXAiOiJqb2luK2p3dCJ9.a"b\\c.d';
export const RENEW_AFTER = '2032-09-01T00:00:00Z';
export const IDENTITY = 'spiffe://lab.example/prod/worker/n1';

export const webRoot = identity({ name: 'web-root', ca: true });
export const nodeRoot = make({ name: 'node-root', ca: true });
export const nodeIssuer = make({ name: 'node-issuer', ca: true, issuer: nodeRoot });
export const strangerRoot = identity({ name: 'stranger', ca: true });
export const serverLeaf = (issuer: Identity = webRoot, options: MakeOptions = {}): Identity =>
  identity({ name: 'boot', issuer, names: LOCALHOST, ...options });

export const pemOf = (...list: readonly Authority[]): string =>
  list.map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join('');

/** A node's certificate for the key of a CSR in PEM. */
export function issueFor(csrPem: string, options: MakeOptions & { readonly uri?: string } = {}): Authority {
  const { uri = IDENTITY, ...rest } = options;
  const [block] = parsePem(csrPem);
  const { publicKey } = parseCsr((block as { der: Uint8Array }).der);
  return make({
    name: 'node',
    issuer: nodeIssuer,
    key: { spki: publicKey.der } as SigningKey,
    names: [{ kind: 'uri', value: uri }],
    purposes: [OID.serverAuth, OID.clientAuth],
    ...rest,
  });
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage['headers'];
  /** Common name of the client certificate; empty without one. */
  readonly client: string;
}

export type Answer = (asked: Asked, response: ServerResponse) => void;

export interface AgentServer {
  readonly url: string;
  readonly asked: Asked[];
  close(): Promise<void>;
}

/** What the honest server says. */
export function answerChain(response: ServerResponse, chain: string, headers: Record<string, string> = {}): void {
  response.writeHead(200, {
    'content-type': 'application/pem-certificate-chain',
    'joinery-audit-id': 'audit-1',
    'joinery-renew-after': RENEW_AFTER,
    'joinery-trust': 'control-plane-https=2, node-cert-lifecycle=2',
    ...headers,
  });
  response.end(chain);
}

export const honest: Answer = ({ path, body }, response) => {
  if (path === '/v1/trust-report') response.writeHead(200).end('{}');
  else answerChain(response, pemOf(issueFor(body['csr'] as string), nodeIssuer));
};

export async function agentServer(
  answer: Answer,
  options: { leaf?: Identity; send?: readonly Authority[]; maxVersion?: 'TLSv1.2' } = {},
): Promise<AgentServer> {
  const { leaf = serverLeaf(), send = [webRoot], maxVersion } = options;
  const asked: Asked[] = [];
  const server = createServer(
    {
      key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: pemOf(leaf, ...send),
      requestCert: true,
      rejectUnauthorized: false,
      ...(maxVersion && { maxVersion }),
    },
    (request, response) => void receive(request, response, asked, answer),
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => close(server) };
}

async function receive(request: IncomingMessage, response: ServerResponse, asked: Asked[], answer: Answer): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString('utf8');
  const { subject } = (request.socket as unknown as { getPeerCertificate(): { subject?: { CN?: string } } }).getPeerCertificate();
  const entry: Asked = {
    method: request.method as string,
    path: request.url as string,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    headers: request.headers,
    client: subject?.CN ?? '',
  };
  asked.push(entry);
  response.on('error', () => undefined);
  answer(entry, response);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

export interface AgentNode {
  readonly dir: string;
  /** Every file but those of `pending`, with its digest or target and its mode. */
  snapshot(): Record<string, string>;
  run(args: readonly string[], options?: RunOptions): Promise<{ status: number | null; stderr: string; stdout: string }>;
  read(path: string): string;
}

export interface RunOptions {
  readonly shell?: readonly string[];
  readonly env?: Record<string, string>;
}

export interface NodeOptions {
  readonly urls: readonly string[];
  readonly node?: string | undefined;
  readonly updatedAt?: Instant;
  readonly token?: string;
  readonly bundles?: boolean;
  /** Root of another system, in which the node lies and runs. */
  readonly root?: string;
}

/** What an onboarding package leaves on a node, in a new directory. */
export function agentNode(options: NodeOptions): AgentNode {
  const { root = '' } = options;
  const dir = mkdtempSync(root === '' ? join(tmpdir(), 'joinery-agent-') : join(root, 'tmp/joinery-agent-'));
  const inside = dir.slice(root.length);
  const { urls, node = 'n1', updatedAt = 1_760_000_000 as Instant, token = TOKEN, bundles = true } = options;
  for (const each of ['bin', 'trust', 'secrets']) mkdirSync(join(dir, each), { mode: each === 'secrets' ? 0o700 : 0o755 });
  // As they are shipped.
  for (const name of ['join-agent', 'trust-check'])
    writeFileSync(join(dir, 'bin', name), compact(readFileSync(join(templates, `${name}.sh`), 'utf8')));
  const pems = { 'control-plane-https': pemOf(webRoot), 'node-cert-lifecycle': pemOf(nodeRoot) };
  const print = (purpose: keyof typeof pems) => digestOf(utf8(pems[purpose]));
  if (bundles) for (const [purpose, pem] of Object.entries(pems)) writeFileSync(join(dir, `trust/${purpose}.pem`), pem);
  const entry = (purpose: keyof typeof pems) => ({
    digest: 'a'.repeat(64),
    fingerprint: print(purpose),
    floor: 2,
    held: 2,
    path: join(inside, `trust/${purpose}.pem`),
    updated_at: formatInstant(updatedAt),
  });
  const purposes = { 'control-plane-https': entry('control-plane-https'), 'node-cert-lifecycle': entry('node-cert-lifecycle') };
  writeFileSync(join(dir, 'trust/state.json'), `${JSON.stringify({ purposes, schema: 'joinery/trust-state/1' })}\n`);
  const env = {
    API_URL: urls[0],
    CA_FINGERPRINT: print('control-plane-https'),
    CA_BUNDLE_PATH: join(inside, 'trust/control-plane-https.pem'),
    NODE_CERT_CA_BUNDLE_PATH: join(inside, 'trust/node-cert-lifecycle.pem'),
    TRUST_BUNDLE_VERSION: '2',
    TRUST_MANIFEST_DIGEST: 'a'.repeat(64),
    NODE_CERT_TRUST_MANIFEST_DIGEST: 'a'.repeat(64),
    NODE_CERT_CA_FINGERPRINT: print('node-cert-lifecycle'),
    ENVIRONMENT: 'lab',
    ROLE: 'worker',
    ...(node !== '' && { NODE: node }),
    CLUSTER: 'prod',
    JOIN_URLS: urls.join(' '),
    JOIN_TOKEN_FILE: join(inside, 'secrets/join-token'),
  };
  writeFileSync(
    join(dir, 'joinery.env'),
    Object.entries(env)
      .map(([key, value]) => `GPUAAS_${key}='${value}'\n`)
      .join(''),
  );
  writeFileSync(join(dir, 'secrets/join-token'), `${token}\n`, { mode: 0o600 });
  return {
    dir,
    snapshot: () => snapshotOf(dir),
    run: (args, run) =>
      runAgent(inside, args, { ...run, shell: [...(root === '' ? [] : ['/usr/sbin/chroot', root]), ...(run?.shell ?? ['/bin/sh'])] }),
    read: (path) => readFileSync(join(dir, path), 'utf8'),
  };
}

function snapshotOf(dir: string, under = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(join(dir, under))) {
    const path = under === '' ? name : `${under}/${name}`;
    const info = lstatSync(join(dir, path));
    if (path === 'pending') continue;
    if (info.isDirectory()) Object.assign(found, snapshotOf(dir, path));
    else
      found[path] = info.isSymbolicLink()
        ? `-> ${readlinkSync(join(dir, path))}`
        : `${info.mode.toString(8)} ${digestOf(readFileSync(join(dir, path)))}`;
  }
  return found;
}

async function runAgent(dir: string, args: readonly string[], { shell, env = {} }: RunOptions & { readonly shell: readonly string[] }) {
  const [command, ...first] = shell as [string, ...string[]];
  const child = spawn(command, [...first, join(dir, 'bin/join-agent'), ...args], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', JOURNAL_STREAM: '1', JOINERY_DEADLINE: '60', ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stderr, stdout };
}

const TOOLS = [
  'awk',
  'cat',
  'chmod',
  'chown',
  'cp',
  'cut',
  'date',
  'dirname',
  'grep',
  'head',
  'kill',
  'ln',
  'ls',
  'mkdir',
  'mktemp',
  'mv',
  'od',
  'openssl',
  'readlink',
  'rm',
  'sed',
  'sh',
  'sha256sum',
  'sleep',
  'sort',
  'sync',
  'tail',
  'tr',
  'wc',
];

/** A directory of links to the tools that every node has, and to these. */
export function pathWith(...more: readonly string[]): string {
  const bin = mkdtempSync(join(tmpdir(), 'joinery-agent-path-'));
  for (const tool of [...TOOLS, ...more]) {
    const at = ['/usr/bin', '/bin', '/usr/sbin'].map((each) => join(each, tool)).find((each) => existsSync(each));
    if (at !== undefined) symlinkSync(at, join(bin, tool));
  }
  return bin;
}
