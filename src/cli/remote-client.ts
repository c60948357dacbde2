/** How the flags of the `remote` commands become a client: who asks, whom, and by which trust. */
import * as Flags from '@oclif/core/flags';
import { type BootstrapClient, type BootstrapClientOptions, createClient } from '../client/client.ts';
import { hasTrust, type NodeClientWorld, nodeServerTrust, nodeTransportIdentity } from '../client/node-client.ts';
import type { ServerTrust } from '../client/server-trust.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import { readOnboarding } from '../app/node-settings.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { DEFAULT_NODE_DIRECTORY } from '../core/onboarding/model.ts';
import { Secret } from '../core/secret.ts';
import { MAX_BUNDLE } from '../core/trust/bundle.ts';
import { certificateInput, keyPassphraseFlag, privateKeyFile } from './cert-flags.ts';
import { toPem } from '../core/encoding.ts';
import type { Context } from './context.ts';
import { workloadIdentity } from './workload-identity.ts';
import { callFlags, nodeClientWorld, pinFlags, timeoutMs } from './node-flags.ts';

export const remoteFlags = {
  url: Flags.string({
    multiple: true,
    default: [],
    description: 'bootstrap server (repeatable; default: as the node directory says)',
    helpValue: 'URL',
  }),
  identity: Flags.string({
    description: `directory of a node whose certificate, trust and servers are used (default: ${DEFAULT_NODE_DIRECTORY})`,
    exclusive: ['cert', 'key'],
    helpValue: 'DIR',
  }),
  'workload-api': Flags.string({
    description: 'take the client certificate from this SPIFFE Workload API (env: SPIFFE_ENDPOINT_SOCKET says which)',
    exclusive: ['identity', 'cert', 'key'],
    helpValue: 'unix:PATH|env',
  }),
  cert: Flags.string({ description: 'client certificate with its chain, PEM: that of admin issue', dependsOn: ['key'], helpValue: 'FILE' }),
  key: Flags.string({ description: 'private key of the certificate', dependsOn: ['cert'], helpValue: 'FILE' }),
  ...keyPassphraseFlag,
  anchors: Flags.string({
    description: 'PEM of control-plane-https, which the server must be under',
    exclusive: ['pin'],
    helpValue: 'FILE',
  }),
  pin: Flags.string({ multiple: true, default: [], description: 'pin of the root of the server (repeatable)', helpValue: 'sha256:HEX' }),
  'server-name': Flags.string({ description: "name in the server's certificate (default: the host of the URL)", helpValue: 'NAME' }),
  ...callFlags,
};

export interface RemoteFlags {
  readonly url: readonly string[];
  readonly identity?: string | undefined;
  readonly 'workload-api'?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly 'key-passphrase-file'?: string | undefined;
  readonly anchors?: string | undefined;
  readonly pin: readonly string[];
  readonly 'server-name'?: string | undefined;
  readonly timeout: string;
}

/** Opens a client, and closes it when the work is done. @throws ERR_USAGE, ERR_NODE_NO_URL, ERR_NODE_NOT_JOINED and those of the files */
export async function withRemote<T>(context: Context, flags: RemoteFlags, work: (client: BootstrapClient) => Promise<T>): Promise<T> {
  const world = await nodeClientWorld(context.world);
  const client = createClient(world, await remoteOptions(context, world, flags));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

async function remoteOptions(context: Context, world: NodeClientWorld, flags: RemoteFlags): Promise<BootstrapClientOptions> {
  const directory = flags.identity ?? DEFAULT_NODE_DIRECTORY;
  const named = flags.url.length > 0 ? flags.url : ((await readOnboarding(world, directory))?.join_urls ?? []);
  return {
    urls: named,
    trust: await remoteTrust(world, directory, flags),
    identity: await remoteIdentity(world, directory, flags),
    timeoutMs: timeoutMs(flags),
    serverName: flags['server-name'],
    correlationId: context.world.caller.correlationId,
  };
}

async function remoteTrust(world: NodeClientWorld, directory: string, { anchors, pin }: RemoteFlags): Promise<ServerTrust> {
  if (pin.length > 0) return { kind: 'pin', pin: { kind: 'key', pins: pinFlags(pin) } };
  if (anchors !== undefined) return { kind: 'anchors', pem: async () => decodeUtf8(await world.files.read(anchors, MAX_BUNDLE), anchors) };
  if (await hasTrust(world, directory)) return nodeServerTrust(world, directory);
  throw new JoineryError('ERR_USAGE', '--anchors: expected the anchors of the server, --pin, or a node directory with trust, found none');
}

async function remoteIdentity(world: NodeClientWorld, directory: string, flags: RemoteFlags): Promise<BootstrapClientOptions['identity']> {
  const { cert, key, identity } = flags;
  if (cert !== undefined && key !== undefined) {
    const given = await identityOfFiles(world, cert, key, flags['key-passphrase-file']);
    return () => Promise.resolve(given);
  }
  const workload = flags['workload-api'];
  if (workload !== undefined) return workloadIdentity(world, workload);
  // Public documents need no identity: only a node directory that was named must have one.
  if (identity === undefined && (await world.files.stat(`${directory}/identity/current`)) === undefined) return undefined;
  return () => nodeTransportIdentity(world, directory);
}

async function identityOfFiles(
  world: NodeClientWorld,
  cert: string,
  key: string,
  passphraseFile: string | undefined,
): Promise<TransportIdentity> {
  const { certificates } = await certificateInput(world.files, cert);
  const opened = await privateKeyFile(world.files, world.keys, key, passphraseFile);
  return {
    key: new Secret(await opened.toPem(undefined)),
    certificates: certificates.map(({ der }) => toPem('CERTIFICATE', der)).join(''),
  };
}
