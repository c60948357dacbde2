/** The story of `joinery demo`: its commands, and what is said of each result. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../adapters/random.ts';
import { toHex } from '../core/encoding.ts';

export interface DemoStep {
  readonly title: string;
  readonly argv: readonly string[];
  /** One line for a person, from the command's `data`. */
  summary(data: Readonly<Record<string, unknown>>): string;
}

const REALM = ['--realm', 'realm'];
const KEYS = [...REALM, '--passphrase-file', 'offline.pass', '--online-passphrase-file', 'online.pass'];

const field = (data: Readonly<Record<string, unknown>>, name: string): string => String(data[name] ?? '');
const short = (value: string): string => `${value.slice(0, 16)}\u2026`;

function authority(title: string, name: string, ...more: string[]): DemoStep {
  return {
    title,
    argv: ['ca', 'create', name, ...more, ...KEYS],
    summary: (data) => `${field(data, 'subject')}, fingerprint ${short(field(data, 'fingerprint'))}`,
  };
}

function published(purpose: string, ca: string): DemoStep[] {
  return [
    {
      title: `Publish the trust bundle for ${purpose}`,
      argv: ['trust', 'publish', '--purpose', purpose, '--ca', ca, ...KEYS],
      summary: (data) => `version ${field(data, 'trust_bundle_version')}, sha256 ${short(field(data, 'sha256_fingerprint'))}`,
    },
    {
      title: 'Activate it',
      argv: ['trust', 'activate', '--purpose', purpose, '--version', '1', ...KEYS],
      summary: (data) => `manifest digest ${short(field(data, 'digest'))}: what a first node pins`,
    },
  ];
}

export const DEMO_STEPS: readonly DemoStep[] = [
  {
    title: 'Create a realm',
    argv: [
      'init',
      '--environment',
      'platform_control',
      '--domain',
      'control.example.internal',
      '--cluster',
      'prod',
      '--roles',
      'worker,control-plane',
      ...KEYS,
    ],
    summary: (data) => `environment ${field(data, 'environment')}, keys encrypted under two passphrases`,
  },
  authority('Create the root that vouches for platform endpoints', 'web-root'),
  authority('Create the root that vouches for nodes', 'node-root'),
  authority('Create the authority that issues node certificates', 'issuing', '--parent', 'node-root'),
  ...published('control-plane-https', 'web-root'),
  ...published('node-cert-lifecycle', 'node-root'),
  {
    title: 'Mint a join token for one node',
    argv: ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--node', 'n1', '--ttl', '15m', '--out', 'n1.jwt', ...KEYS],
    summary: (data) => `token ${field(data, 'jti')}, single use, 15 minutes`,
  },
  {
    title: 'Verify it as a server would',
    argv: ['token', 'verify', '--token-file', 'n1.jwt', '--cluster', 'prod', '--node', 'n1', ...REALM],
    summary: () => 'signature, audience, time, role, node and uses hold',
  },
  {
    title: 'Render an onboarding package for cloud-init',
    argv: [
      'package',
      'render',
      '--cluster',
      'prod',
      '--role',
      'worker',
      '--join-url',
      'https://boot.control.example.internal:9443',
      '--out',
      'pkg',
      ...KEYS,
    ],
    summary: () => 'user-data with both trust bundles, a fresh token and the checks that the node runs',
  },
  {
    title: 'Verify the package from its bytes alone',
    argv: ['package', 'verify', 'pkg'],
    summary: (data) => `${(data['checks'] as unknown[] | undefined)?.length ?? 0} checks hold`,
  },
  {
    title: 'Sign a checkpoint of the audit log',
    argv: ['audit', 'checkpoint', ...KEYS],
    summary: () => 'whoever keeps it can prove later that nothing was changed or removed',
  },
  {
    title: 'Verify the audit log',
    argv: ['audit', 'verify', ...REALM],
    summary: (data) => `${field(data, 'records')} records, none changed, none missing`,
  },
];

/** A temporary directory with two random passphrases in files. */
export async function demoDirectory(): Promise<{ readonly directory: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'joinery-demo-'));
  for (const name of ['offline.pass', 'online.pass']) {
    await writeFile(join(directory, name), `${toHex(systemRandom.bytes(16))}\n`, { mode: 0o600, flag: 'wx' });
  }
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}
