/** The story of `joinery demo`: its commands, and what is said of each result. */
import { rmSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRandom } from '../adapters/random.ts';
import { toHex } from '../core/encoding.ts';
import { assertInternal } from '../core/errors.ts';
import { removeWhenStopped } from './signals.ts';

export interface DemoStep {
  readonly title: string;
  readonly argv: readonly string[];
  /** One line for a person, from the command's `data`. */
  summary(data: Readonly<Record<string, unknown>>): string;
}

/** A member of a result. A step that names one that is not there is a bug, and a test runs them all. */
function field(data: Readonly<Record<string, unknown>>, name: string): string {
  const value = data[name];
  assertInternal(typeof value === 'string' || typeof value === 'number', `the result has no member ${name}`);
  return String(value);
}

const short = (value: string): string => `${value.slice(0, 16)}\u2026`;

function authority(title: string, name: string, ...more: string[]): DemoStep {
  return {
    title,
    argv: ['ca', 'create', name, ...more],
    summary: (data) => `${field(data, 'subject')}, fingerprint ${short(field(data, 'fingerprint'))}`,
  };
}

function published(purpose: string, ca: string): DemoStep[] {
  return [
    {
      title: `Publish the trust bundle for ${purpose}`,
      argv: ['trust', 'publish', '--purpose', purpose, '--ca', ca],
      summary: (data) => `version ${field(data, 'trust_bundle_version')}, sha256 ${short(field(data, 'sha256_fingerprint'))}`,
    },
    {
      title: 'Activate it',
      argv: ['trust', 'activate', '--purpose', purpose, '--version', '1'],
      summary: (data) => `manifest digest ${short(field(data, 'manifest_digest'))}: what a first node pins`,
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
    argv: ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--node', 'n1', '--ttl', '15m', '--out', 'n1.jwt'],
    summary: (data) => `token ${field(data, 'id')}, single use, 15 minutes`,
  },
  {
    title: 'Verify it as a server would',
    argv: ['token', 'verify', '--token-file', 'n1.jwt', '--cluster', 'prod', '--node', 'n1'],
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
    argv: ['audit', 'checkpoint'],
    summary: () => 'whoever keeps it can prove later that nothing was changed or removed',
  },
  {
    title: 'Verify the audit log',
    argv: ['audit', 'verify'],
    summary: (data) => `${field(data, 'size')} records, none changed, none missing`,
  },
];

export interface DemoPlace {
  readonly directory: string;
  /** What every command of the demo finds in its environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** Leaves it there, also when the process is stopped from now on. */
  keep(): void;
  remove(): void;
}

/** A temporary directory with two random passphrases, in files for a person and in variables for the commands. */
export async function demoPlace(): Promise<DemoPlace> {
  const directory = await mkdtemp(join(tmpdir(), 'joinery-demo-'));
  const passphrase = async (name: string): Promise<string> => {
    const value = toHex(systemRandom.bytes(16));
    await writeFile(join(directory, name), `${value}\n`, { mode: 0o600, flag: 'wx' });
    return value;
  };
  const [offline, online] = [await passphrase('offline.pass'), await passphrase('online.pass')];
  const variables = { JOINERY_REALM: 'realm', JOINERY_PASSPHRASE: offline, JOINERY_ONLINE_PASSPHRASE: online };
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Ctrl-C must not leave private keys beside their passphrases.
  const forget = removeWhenStopped(remove);
  return {
    directory,
    variables,
    keep: forget,
    remove: () => {
      forget();
      remove();
    },
  };
}

/** How a person gives the commands of the demo what {@link DemoPlace.variables} gives them. */
export const DEMO_EXPORT =
  'export JOINERY_REALM=realm JOINERY_PASSPHRASE="$(cat offline.pass)" JOINERY_ONLINE_PASSPHRASE="$(cat online.pass)"';
