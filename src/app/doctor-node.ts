/** Examines the directory of a node (FORMATS 3), or a folder of them. Needs no realm. */
import { pinOf } from '../core/digest.ts';
import type { Disk } from '../core/doctor/disk.ts';
import { judgeFiles, NODE_FILES } from '../core/doctor/files.ts';
import { type Finding, sortFindings } from '../core/doctor/finding.ts';
import type { Horizon } from '../core/doctor/horizon.ts';
import { judgeFleet, judgeNode, type NodeFacts, type NodeIdentity } from '../core/doctor/node.ts';
import { decodeUtf8, parsePem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { generationFiles, generationNumber, identityLayout } from '../core/join/node-directory.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import { PURPOSES, type Purpose } from '../core/trust/purpose.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { guarded, seenFiles } from './doctor-files.ts';
import type { NodeWorld } from './node-trust.ts';
import { trustStatus } from './trust-status.ts';

export interface NodeExamination extends NodeWorld {
  readonly disk: Disk;
  readonly keys: PortableKeys;
  readonly horizon: Horizon | undefined;
}

export interface ExaminedNode {
  readonly findings: readonly Finding[];
  /** undefined when what is needed could not be read. */
  readonly facts: NodeFacts | undefined;
}

const MAX_FILE = 1024 * 1024;

/** @throws ERR_FILE_NOT_FOUND when there is no such directory */
export async function examineNode(world: NodeExamination, directory: string): Promise<ExaminedNode> {
  const { disk, clock, verifySignature, horizon } = world;
  if ((await disk.look(directory)) === undefined)
    throw new JoineryError('ERR_FILE_NOT_FOUND', `${directory}: expected the directory of a node, found nothing`);
  const generations = (await disk.list(`${directory}/identity`)).filter((name) => generationNumber(name) !== undefined);
  const places = ['', 'secrets', 'pending', 'trust', 'bin', 'identity', ...generations.map((name) => `identity/${name}`)];
  const seen = await seenFiles(disk, directory, places);
  const findings: Finding[] = judgeFiles(directory, seen, NODE_FILES, clock.now());
  let facts: NodeFacts | undefined;
  const own = await guarded(directory, async () => {
    facts = await factsOf(world, directory);
    return judgeNode(facts, clock.now(), verifySignature, horizon);
  });
  return { findings: sortFindings([...findings, ...own]), facts };
}

/** Every directory in a folder is a node. @throws ERR_FILE_NOT_FOUND when there is none */
export async function examineFleet(
  world: NodeExamination,
  folder: string,
): Promise<{ readonly nodes: number; readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const known: NodeFacts[] = [];
  let nodes = 0;
  for (const name of await world.disk.list(folder)) {
    const path = `${folder}/${name}`;
    if ((await world.disk.look(path))?.kind !== 'directory') continue;
    const examined = await examineNode(world, path);
    findings.push(...examined.findings);
    if (examined.facts !== undefined) known.push(examined.facts);
    nodes += 1;
  }
  if (nodes === 0) throw new JoineryError('ERR_FILE_NOT_FOUND', `${folder}: expected directories of nodes, found none`);
  return { nodes, findings: sortFindings([...judgeFleet(known), ...findings]) };
}

async function factsOf(world: NodeExamination, directory: string): Promise<NodeFacts> {
  const { disk } = world;
  const layout = identityLayout(directory);
  const pem = (purpose: Purpose): string => `${directory}/trust/${purpose}.pem`;
  const identities = await Promise.all(PURPOSES.map(async (purpose) => (await disk.look(pem(purpose)))?.identity));
  const statuses = await trustStatus(world, `${directory}/trust/state.json`);
  return {
    where: directory,
    identity: await identityIn(world, directory),
    anchors: {
      'control-plane-https': await certificatesIn(disk, pem('control-plane-https')),
      'node-cert-lifecycle': await certificatesIn(disk, pem('node-cert-lifecycle')),
    },
    trust: statuses.map(({ purpose, version, problems }) => ({ purpose, version, problems })),
    onePemFile: identities[0] !== undefined && identities[0] === identities[1],
    holdsToken: (await disk.look(`${directory}/secrets/join-token`)) !== undefined,
    pendingSince: (await disk.look(layout.pendingKey))?.modifiedAt,
  };
}

async function identityIn({ disk, keys }: NodeExamination, directory: string): Promise<NodeIdentity | undefined> {
  const { current } = identityLayout(directory);
  const link = await disk.look(current);
  if (link === undefined) return undefined;
  // Only a relative link to a generation is one of joinery's: another could lead anywhere.
  if (link.target === undefined || generationNumber(link.target) === undefined)
    throw new JoineryError(
      'ERR_NODE_DIRECTORY',
      `${current}: expected a link to a generation like gen-1, found ${link.target === undefined ? `a ${link.kind}` : 'another one'}`,
    );
  const files = generationFiles(directory, link.target);
  const [certificate] = await certificatesIn(disk, files.certificate);
  if (certificate === undefined) throw new JoineryError('ERR_NODE_DIRECTORY', `${files.certificate}: expected a certificate, found none`);
  return { certificate, chain: await certificatesIn(disk, files.chain), keyPin: await keyPinIn(disk, keys, files.key) };
}

async function keyPinIn(disk: Disk, keys: PortableKeys, path: string): Promise<NodeIdentity['keyPin']> {
  if ((await disk.look(path)) === undefined) return undefined;
  const text = decodeUtf8(await disk.read(path, MAX_FILE), path);
  const key = await keys.open(text, path, () => {
    throw new JoineryError('ERR_KEY_PASSPHRASE', `${path}: expected a key that the node can open by itself, found an encrypted one`);
  });
  return pinOf(key.spki);
}

async function certificatesIn(disk: Disk, path: string): Promise<readonly Certificate[]> {
  if ((await disk.look(path)) === undefined) return [];
  const text = decodeUtf8(await disk.read(path, MAX_FILE), path);
  return parsePem(text, path).map(({ der }) => parseCertificate(der, path));
}
