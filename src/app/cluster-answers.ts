/** Answers for the members of a cluster: made before the change is committed, so that a change whose answers cannot be made does not happen. */
import { type ClusterAnswer, signAnswer } from '../core/cluster/answer.ts';
import type { ClusterMember, ClusterRecord } from '../core/cluster/record.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { SealJwe } from '../core/key-ports.ts';
import type { StageDirectory } from '../core/ports.ts';
import { readCa } from './ca-records.ts';
import { memberOf } from '../core/cluster/members.ts';
import { readCluster } from './cluster-records.ts';
import { openCaKey } from './create-ca.ts';
import { assertAbsent } from './new-files.ts';
import type { Realm } from './realm.ts';

/** What answers need beyond the realm. */
export interface ClusterWorld {
  readonly sealJwe: SealJwe;
  readonly stageDirectory: StageDirectory;
}

export interface SealedAnswer {
  readonly node: string;
  /** Name of the file. */
  readonly file: string;
  /** Compact JWE. */
  readonly jwe: string;
}

export function answerFile({ name, sequence }: ClusterRecord, node: string): string {
  return `${name}-${sequence}-${node}.jwe`;
}

/** What a member is told: also what an enrollment gives to a node that proved its token. */
export async function answerContent(realm: Realm, record: ClusterRecord, node: string): Promise<ClusterAnswer> {
  const { name, phase, sequence, authorities, certificate } = record;
  const cas = await Promise.all(authorities.map((ca) => readCa(realm, ca, `authority of cluster ${name}`)));
  return {
    schema: 'joinery/cluster-answer/1',
    cluster: name,
    node,
    phase,
    sequence,
    generation: certificate.generation,
    issued_at: realm.clock.now(),
    ca_pem: cas.map((ca) => ca.record.certificate_pem).join(''),
    certificate_pem: certificate.pem,
    key_pem: (await realm.vault.release(certificate.key)).reveal(),
  };
}

/**
 * One answer for each member, signed by the oldest trusted authority and sealed to the member's key.
 * @throws ERR_KEY_*, ERR_CA_NOT_FOUND
 */
export async function sealAnswers(
  realm: Realm,
  world: ClusterWorld,
  record: ClusterRecord,
  members: readonly ClusterMember[] = record.members,
): Promise<readonly SealedAnswer[]> {
  if (members.length === 0) return [];
  const key = await openCaKey(realm, await readCa(realm, record.authorities[0] as string, `authority of cluster ${record.name}`));
  const content = await answerContent(realm, record, '');
  const sealed: SealedAnswer[] = [];
  for (const { node, key: recipient } of members) {
    const jws = await signAnswer({ ...content, node }, key);
    sealed.push({ node, file: answerFile(record, node), jwe: await world.sealJwe(utf8(jws), recipient) });
  }
  return sealed;
}

/** @param out a directory that does not exist yet; needed when there are members. @throws ERR_USAGE, ERR_FILE_EXISTS */
export async function assertAnswerPlace({ files }: Realm, members: readonly unknown[], out: string | undefined): Promise<void> {
  if (out !== undefined) return assertAbsent(files, [out]);
  if (members.length === 0) return;
  throw new JoineryError('ERR_USAGE', '--out: expected a new directory for the sealed answers, found none', {
    hint: `${members.length} members get one answer each; the files are safe to carry: only the member's key opens its own`,
  });
}

/** Writes the answers as a directory that appears whole. */
export async function writeAnswers(
  { stageDirectory }: ClusterWorld,
  answers: readonly SealedAnswer[],
  out: string | undefined,
): Promise<void> {
  if (out === undefined || answers.length === 0) return;
  const files = answers.map(({ file, jwe }) => ({ path: file, bytes: utf8(`${jwe}\n`), mode: 0o600 }));
  await (await stageDirectory(out, files)).publish();
}

export interface SealInput {
  readonly cluster?: string | undefined;
  /** Default: every member. */
  readonly node?: string | undefined;
  readonly out: string;
}

/** Seals the present state again: for answers that were lost, and for a new member. @throws ERR_CLUSTER_*, ERR_FILE_EXISTS, ERR_KEY_* */
export async function sealAgain(
  realm: Realm,
  world: ClusterWorld,
  input: SealInput,
): Promise<{ readonly record: ClusterRecord; readonly answers: readonly SealedAnswer[] }> {
  const { record } = await readCluster(realm, input.cluster);
  const members = input.node === undefined ? record.members : [memberOf(record, input.node)];
  await assertAnswerPlace(realm, members, input.out);
  const answers = await sealAnswers(realm, world, record, members);
  await writeAnswers(world, answers, input.out);
  return { record, answers };
}
