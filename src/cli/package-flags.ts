/** The flags of `package render`, and the request that they make. */
import { basename } from 'node:path';
import * as Flags from '@oclif/core/flags';
import type { PackageRequest } from '../app/package-request.ts';
import type { RenderPackageInput } from '../app/render-package.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { FORMATS, MAX_ARTIFACT_BYTES } from '../core/onboarding/formats/table.ts';
import { TARGETS } from '../core/onboarding/limits.ts';
import { isAgeRecipient, parseRecipient, type Recipient } from '../core/onboarding/seal.ts';
import type { Files } from '../core/ports.ts';
import { durationFlag } from './flags.ts';

const MAX_PART_BYTES = 256 * 1024;
const MAX_KEY_BYTES = 64 * 1024;

export const packageFlags = {
  cluster: Flags.string({ required: true, description: 'cluster that the node joins', helpValue: 'NAME' }),
  role: Flags.string({ required: true, description: 'role of the node in it', helpValue: 'NAME' }),
  out: Flags.string({ required: true, description: 'directory to make; it must not exist', helpValue: 'DIR' }),
  node: Flags.string({ description: 'the one node that may use the package', helpValue: 'NAME' }),
  from: Flags.string({
    description: 'one package for each node of a CSV (column node) or JSON lines file, each with a token of its own',
    helpValue: 'FILE',
    exclusive: ['node', 'sealed-to', 'uses'],
  }),
  format: Flags.option({ options: FORMATS, default: 'cloud-config' as const, description: 'how it reaches the node' })(),
  target: Flags.option({
    options: TARGETS,
    description: 'platform whose limit of user-data has to be kept (compressed where cloud-init unpacks it and that helps)',
  })(),
  part: Flags.string({
    multiple: true,
    description: 'your own cloud-config or script, before ours in --format multipart (repeatable)',
    helpValue: 'FILE',
  }),
  'sealed-to': Flags.string({
    description: 'encrypt the package for this recipient: age1..., or a file with one, with a P-256 public key (PEM) or with a JWK',
    helpValue: 'KEY',
  }),
  'join-url': Flags.string({
    multiple: true,
    description: 'where the node joins (repeatable; default: join_urls of the cluster in joinery.yaml)',
    helpValue: 'URL',
    helpGroup: 'NODE',
  }),
  'api-url': Flags.string({
    description: 'where the control plane answers (default: the first join URL)',
    helpValue: 'URL',
    helpGroup: 'NODE',
  }),
  'seed-peer': Flags.string({
    multiple: true,
    description: 'a first peer (repeatable; default: seed_peers of the cluster)',
    helpValue: 'HOST:PORT',
    helpGroup: 'NODE',
  }),
  trust: Flags.option({
    options: ['embedded', 'url'] as const,
    default: 'embedded' as const,
    description: 'bring both trust bundles, or let the node fetch them from the API URL and compare them with the fingerprints',
    helpGroup: 'NODE',
  })(),
  agent: Flags.option({
    options: ['script', 'binary', 'none'] as const,
    default: 'script' as const,
    description: 'what joins on the node: a POSIX shell script, the joinery executable of --agent-binary, or nothing of ours',
    helpGroup: 'NODE',
  })(),
  'agent-binary': Flags.string({
    description: 'the executable of --agent binary, for --format tar and shell to bring',
    helpValue: 'FILE',
    helpGroup: 'NODE',
  }),
  'agent-path': Flags.string({
    description: 'where the image has the executable of --agent binary: nothing is brought',
    helpValue: 'PATH',
    helpGroup: 'NODE',
  }),
  'env-prefix': Flags.string({
    description: 'what the names in joinery.env start with',
    default: 'JOINERY',
    helpValue: 'PREFIX',
    helpGroup: 'NODE',
  }),
  'node-dir': Flags.string({ description: 'node directory', default: '/var/lib/joinery', helpValue: 'PATH', helpGroup: 'NODE' }),
  'https-trust-path': Flags.string({ description: 'where the bundle of control-plane-https lies', helpValue: 'PATH', helpGroup: 'NODE' }),
  'node-cert-trust-path': Flags.string({
    description: 'where the bundle of node-cert-lifecycle lies',
    helpValue: 'PATH',
    helpGroup: 'NODE',
  }),
  owner: Flags.string({
    description: "owner of documents, trust and token (default: root:root; programs are always root's)",
    helpValue: 'USER:GROUP',
    helpGroup: 'NODE',
  }),
  'file-mode': Flags.option({
    options: ['0644', '0640', '0600'] as const,
    default: '0644' as const,
    description: 'mode of the files that hold no secret',
    helpGroup: 'NODE',
  })(),
  'service-name': Flags.string({ description: 'name of the join service (default: joinery-join)', helpValue: 'NAME', helpGroup: 'NODE' }),
  'system-trust-store': Flags.boolean({
    description: 'put the anchors of control-plane-https into the system trust store too (never those of node certificates)',
    helpGroup: 'NODE',
  }),
  ttl: Flags.string({ description: 'life of the token, at most 24h', default: '15m', helpValue: 'DURATION', helpGroup: 'TOKEN' }),
  'token-delivery': Flags.option({
    options: ['embedded', 'systemd-credential', 'file-later', 'none'] as const,
    default: 'embedded' as const,
    description: 'in the package; beside it, for a systemd credential or a file brought later; or no token at all',
    helpGroup: 'TOKEN',
  })(),
  uses: Flags.integer({
    description: 'uses of the token (needs --allow-multi-use)',
    min: 1,
    default: 1,
    helpValue: 'N',
    helpGroup: 'TOKEN',
  }),
  'allow-multi-use': Flags.string({
    description: 'let the token have several uses, for this reason (it stands in the package)',
    helpValue: 'REASON',
    helpGroup: 'TOKEN',
  }),
  'allow-long-lived': Flags.string({
    description: 'let the token live longer than 24h, for this reason (it stands in the package)',
    helpValue: 'REASON',
    helpGroup: 'TOKEN',
  }),
  'allow-url-outside-domain': Flags.string({
    description: 'let a URL lie outside the domain of the environment, for this reason (it stands in the package)',
    helpValue: 'REASON',
  }),
};

/** Their values, as oclif parses them. */
export interface PackageFlags {
  readonly cluster: string;
  readonly role: string;
  readonly out: string;
  readonly node?: string | undefined;
  readonly format: (typeof FORMATS)[number];
  readonly target?: (typeof TARGETS)[number] | undefined;
  readonly part?: readonly string[] | undefined;
  readonly 'sealed-to'?: string | undefined;
  readonly 'join-url'?: readonly string[] | undefined;
  readonly 'api-url'?: string | undefined;
  readonly 'seed-peer'?: readonly string[] | undefined;
  readonly trust: 'embedded' | 'url';
  readonly agent: 'script' | 'binary' | 'none';
  readonly 'agent-binary'?: string | undefined;
  readonly 'agent-path'?: string | undefined;
  readonly 'env-prefix': string;
  readonly 'node-dir': string;
  readonly 'https-trust-path'?: string | undefined;
  readonly 'node-cert-trust-path'?: string | undefined;
  readonly owner?: string | undefined;
  readonly 'file-mode': '0644' | '0640' | '0600';
  readonly 'service-name'?: string | undefined;
  readonly 'system-trust-store': boolean;
  readonly ttl: string;
  readonly 'token-delivery': NonNullable<PackageRequest['tokenDelivery']>;
  readonly uses: number;
  readonly 'allow-multi-use'?: string | undefined;
  readonly 'allow-long-lived'?: string | undefined;
  readonly 'allow-url-outside-domain'?: string | undefined;
}

/** Leaves out what is undefined, as the request's type wants it. */
function defined<T extends object>(members: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** @throws ERR_USAGE, ERR_FILE_NOT_FOUND, ERR_PACKAGE_SEAL and what reading throws */
export async function packageRequest(files: Files, flags: PackageFlags): Promise<RenderPackageInput> {
  const { agent, part, owner } = flags;
  return {
    ...(defined({
      cluster: flags.cluster,
      role: flags.role,
      out: flags.out,
      node: flags.node,
      format: flags.format,
      target: flags.target,
      joinUrls: flags['join-url'],
      apiUrl: flags['api-url'],
      seedPeers: flags['seed-peer'],
      trust: flags.trust,
      tokenDelivery: flags['token-delivery'],
      ttl: durationFlag('--ttl', flags.ttl),
      maxUses: flags.uses,
      envPrefix: flags['env-prefix'],
      nodeDirectory: flags['node-dir'],
      owner: owner === 'root:root' ? undefined : owner,
      fileMode: flags['file-mode'] === '0644' ? undefined : flags['file-mode'],
      service: flags['service-name'],
      agent: agent === 'none' ? undefined : agent,
      binary: await binaryOf(files, flags),
      agentPath: flags['agent-path'],
      systemTrustStore: flags['system-trust-store'],
      urlOutsideReason: flags['allow-url-outside-domain'],
      sealTo: await recipientOf(files, flags['sealed-to']),
      parts:
        part && (await Promise.all(part.map(async (path) => ({ name: basename(path), bytes: await files.read(path, MAX_PART_BYTES) })))),
    }) as RenderPackageInput),
    trustPaths: defined({ 'control-plane-https': flags['https-trust-path'], 'node-cert-lifecycle': flags['node-cert-trust-path'] }),
    ...allowanceOf(flags),
  };
}

function allowanceOf({ 'allow-multi-use': multi, 'allow-long-lived': long }: PackageFlags): Pick<PackageRequest, 'tokenAllowance'> {
  if (multi === undefined && long === undefined) return {};
  return { tokenAllowance: { ...(multi !== undefined && { multi_use: multi }), ...(long !== undefined && { long_lived: long }) } };
}

async function binaryOf(files: Files, { agent, 'agent-binary': path, 'agent-path': place }: PackageFlags): Promise<Uint8Array | undefined> {
  const given = [path, place].filter((each) => each !== undefined).length;
  if (given !== (agent === 'binary' ? 1 : 0))
    throw new JoineryError(
      'ERR_USAGE',
      `--agent ${agent}: expected ${agent === 'binary' ? 'one' : 'none'} of --agent-binary FILE and --agent-path PATH, found ${given}`,
    );
  return path === undefined ? undefined : files.read(path, MAX_ARTIFACT_BYTES / 2);
}

async function recipientOf(files: Files, key: string | undefined): Promise<Recipient | undefined> {
  if (key === undefined) return undefined;
  if (isAgeRecipient(key)) return parseRecipient(key, '--sealed-to');
  return parseRecipient(decodeUtf8(await files.read(key, MAX_KEY_BYTES), key), key);
}
