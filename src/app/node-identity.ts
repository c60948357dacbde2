/** Reads and switches the identity of a node directory: the generation that `identity/current` points to. */
import { canonicalBytes, type JsonObject, parseStrictJson } from '../core/canonical-json.ts';
import { concat, decodeUtf8, equalBytes, parsePem, toHex, utf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { generationFiles, generationNumber, identityLayout, type NodeMeta, parseNodeMeta } from '../core/join/node-directory.ts';
import { renewAfter, renewalState, type RenewalState } from '../core/join/renewal.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import type { Files, Random, Switches } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import { instantOf } from '../core/trust/manifest.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { shareDirectory } from './shared-directory.ts';

export interface IdentityWorld {
  readonly files: Files;
  readonly switches: Switches;
  readonly keys: PortableKeys;
  readonly random: Random;
}

/** Key, certificate and chain of one generation, read from that generation's own directory: never half of one and half of the next. */
export interface NodeIdentity {
  /** `gen-3`. */
  readonly generation: string;
  /** PKCS #8 in PEM. */
  readonly key: Secret;
  readonly certificate: Certificate;
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly meta: NodeMeta;
}

const MAX_FILE = 1024 * 1024;

/**
 * @returns undefined for a node that has not joined yet.
 * @throws ERR_NODE_DIRECTORY where a file is missing or malformed, or the key is not the one of the certificate
 */
export async function readNodeIdentity(
  world: Pick<IdentityWorld, 'files' | 'switches' | 'keys'>,
  directory: string,
): Promise<NodeIdentity | undefined> {
  const { current } = identityLayout(directory);
  const generation = await world.switches.target(current);
  if (generation === undefined) return undefined;
  if (generationNumber(generation) === undefined)
    throw new JoineryError('ERR_NODE_DIRECTORY', `${current}: expected a link to gen-<number>, found one to another place`);
  try {
    return await readGeneration(world, directory, generation);
  } catch (cause) {
    if (!isJoineryError(cause) || cause.code === 'ERR_FILE_ACCESS') throw cause;
    // Another process has switched and pruned meanwhile: then the new generation is what was asked for.
    const now = await world.switches.target(current);
    if (now !== undefined && now !== generation) return readNodeIdentity(world, directory);
    throw new JoineryError('ERR_NODE_DIRECTORY', cause.message, { cause, hint: 'joinery node join --again makes a new identity' });
  }
}

async function readGeneration(
  { files, keys }: Pick<IdentityWorld, 'files' | 'keys'>,
  directory: string,
  generation: string,
): Promise<NodeIdentity> {
  const paths = generationFiles(directory, generation);
  const text = async (path: string): Promise<string> => decodeUtf8(await files.read(path, MAX_FILE), path);
  const [key, certificatePem, chainPem, meta] = (await Promise.all([paths.key, paths.certificate, paths.chain, paths.meta].map(text))) as [
    string,
    string,
    string,
    string,
  ];
  const [block] = parsePem(certificatePem, paths.certificate);
  if (block === undefined) throw new JoineryError('ERR_NODE_DIRECTORY', `${paths.certificate}: expected a certificate, found none`);
  const certificate = parseCertificate(block.der, paths.certificate);
  const { spki } = await keys.open(key, paths.key, noPassphrase);
  if (!equalBytes(spki, certificate.spki)) {
    throw new JoineryError('ERR_NODE_DIRECTORY', `${paths.key}: expected the key of ${paths.certificate}, found another`);
  }
  return {
    generation,
    key: new Secret(key),
    certificate,
    certificatePem,
    chainPem,
    meta: parseNodeMeta(parseStrictJson(meta, paths.meta), paths.meta),
  };
}

/** The key of a node starts its services without anybody there. */
function noPassphrase(): Promise<Secret> {
  return Promise.reject(new JoineryError('ERR_NODE_DIRECTORY', 'node.key: expected a key that is not encrypted, found an encrypted one'));
}

/** When an identity is to be renewed: as the server said, or after two thirds of its life. */
export function scheduleOf(
  { meta, certificate: { notBefore, notAfter } }: NodeIdentity,
  now: Instant,
): { readonly due: Instant; readonly state: RenewalState } {
  const due = meta.renew_after === undefined ? renewAfter(notBefore, notAfter) : instantOf(meta.renew_after);
  return { due, state: renewalState(due, notAfter, now).state };
}

export interface NewIdentity {
  readonly key: Secret;
  readonly certificatePem: string;
  readonly chainPem: string;
  readonly meta: NodeMeta;
}

/**
 * Writes a generation whole under a name that nobody reads, gives it its name, and points `current` to it: a kill at any point leaves
 * the old identity or the new one. Keeps the generation before it, for whoever is reading that, and removes older ones.
 * @returns its number.
 * @throws ERR_FILE_EXISTS when another run has installed one meanwhile, ERR_FILE_ACCESS, ERR_FILE_DISK_FULL
 */
export async function switchIdentity(world: IdentityWorld, directory: string, identity: NewIdentity): Promise<number> {
  const { files, switches, random } = world;
  const layout = identityLayout(directory);
  await shareDirectory(files, layout.identity, 0o755);
  const before = await switches.target(layout.current);
  const number = Math.max(0, ...(await files.list(layout.identity)).map((entry) => generationNumber(entry) ?? 0)) + 1;
  const staged = await stage(files, `${layout.identity}/.gen-${number}.${toHex(random.bytes(8))}`, identity);
  await switches.move(staged, generationFiles(directory, `gen-${number}`).directory);
  // The old pair counts until the new one was read back from the disk and found to be one.
  await readGeneration(world, directory, `gen-${number}`);
  await switches.point(layout.current, `gen-${number}`);
  await prune(files, layout.identity, [`gen-${number}`, before]);
  return number;
}

async function stage(files: Files, root: string, { key, certificatePem, chainPem, meta }: NewIdentity): Promise<string> {
  await files.makeDirectory(root, 0o755);
  await files.create(`${root}/node.key`, utf8(key.reveal()), 0o600);
  await files.create(`${root}/node.crt`, utf8(certificatePem), 0o644);
  await files.create(`${root}/chain.crt`, utf8(chainPem), 0o644);
  await files.create(`${root}/meta.json`, concat(canonicalBytes({ ...meta } as JsonObject), utf8('\n')), 0o644);
  return root;
}

/** Older generations, and what kills left of generations that were never installed. */
async function prune(files: Files, root: string, keep: readonly (string | undefined)[]): Promise<void> {
  for (const entry of await files.list(root)) {
    const old = generationNumber(entry) !== undefined || entry.startsWith('.gen-');
    // What another run is at work in, or has removed meanwhile, is left to the next one: the switch is done.
    if (old && !keep.includes(entry)) await removeTree(files, `${root}/${entry}`).catch(ignoreCoded);
  }
}

function ignoreCoded(error: unknown): void {
  if (!isJoineryError(error)) throw error;
}

async function removeTree(files: Files, directory: string): Promise<void> {
  for (const name of await files.list(directory)) await files.remove(`${directory}/${name}`);
  await files.removeDirectory(directory);
}
