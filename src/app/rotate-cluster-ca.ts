/** The rotation of a cluster's authority, one step at a time, each with a pre-flight that says what would break. */
import { nextCaName } from '../core/cluster/names.ts';
import { afterStep, type Finding, issuerAfter, preflight, type Step, type StepFacts } from '../core/cluster/phases.ts';
import type { ClusterRecord } from '../core/cluster/record.ts';
import { JoineryError } from '../core/errors.ts';
import type { KeyType } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import { readCa, readCas } from './ca-records.ts';
import { parseCertificateRecord } from './certificate-records.ts';
import { assertAnswerPlace, type ClusterWorld } from './cluster-answers.ts';
import { changeCluster, type ClusterChange, nextCertificate, nextToken } from './cluster-change.ts';
import { readCluster, type StoredCluster } from './cluster-records.ts';
import { createCa } from './create-ca.ts';
import type { Realm } from './realm.ts';
import { storePages } from './store-pages.ts';

export interface RotateClusterCaInput {
  readonly step: Step;
  readonly cluster?: string | undefined;
  /** `trust-new`: name and key type of the new authority. */
  readonly ca?: string | undefined;
  readonly keyType?: KeyType | undefined;
  /** Of a new certificate. */
  readonly ttl?: Seconds | undefined;
  readonly overlap?: Seconds | undefined;
  /** Do what the pre-flight says would break. */
  readonly force: boolean;
  readonly out?: string | undefined;
}

export interface StepPreview {
  readonly record: ClusterRecord;
  readonly findings: readonly Finding[];
  /** False when the step would be refused without force. */
  readonly clear: boolean;
}

export interface StepResult extends ClusterChange {
  readonly findings: readonly Finding[];
  readonly warnings: readonly string[];
  /** The new join token, of `issue-new` and of a rollback from there. */
  readonly token: Secret | undefined;
}

/** The pre-flight alone: nothing is changed and no key is opened. @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_USAGE */
export async function previewClusterCa(realm: Realm, input: Pick<RotateClusterCaInput, 'step' | 'cluster'>): Promise<StepPreview> {
  const stored = await readCluster(realm, input.cluster);
  const findings = preflight(input.step, await factsOf(realm, stored.record));
  return { record: stored.record, findings, clear: findings.every(({ severity }) => severity === 'warning') };
}

/**
 * Takes one step: authority or certificate or token, record, audit events, and the answers: one commit.
 * @throws ERR_CLUSTER_PHASE for a refusal of the pre-flight, ERR_CLUSTER_WOULD_BREAK without force; ERR_USAGE, ERR_FILE_EXISTS, ERR_CA_*, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function rotateClusterCa(realm: Realm, world: ClusterWorld, input: RotateClusterCaInput): Promise<StepResult> {
  const stored = await readCluster(realm, input.cluster);
  const findings = preflight(input.step, await factsOf(realm, stored.record));
  assertClear(findings, input);
  await assertAnswerPlace(realm, stored.record.members, input.out);
  return changeCluster(realm, world, stored, {
    out: input.out,
    remaining: stored.record.members,
    work: async (staged) => {
      const { record, token, warnings } = await take(staged, stored, input);
      const { name, phase, authorities, certificate } = record;
      const details = { step: input.step, phase, authorities: [...authorities], serial: certificate.serial, forced: input.force };
      return { record, token, warnings, findings, event: 'ca.cluster_phase', subject: name, details };
    },
  });
}

function assertClear(findings: readonly Finding[], { force, step }: RotateClusterCaInput): void {
  const refusal = findings.find(({ severity }) => severity === 'refusal');
  const stop = refusal ?? (force ? undefined : findings.find(({ severity }) => severity === 'break'));
  if (stop === undefined) return;
  const more = findings.filter(({ severity }) => severity === stop.severity).length - 1;
  throw new JoineryError(
    refusal === undefined ? 'ERR_CLUSTER_WOULD_BREAK' : 'ERR_CLUSTER_PHASE',
    `${step}: ${stop.message}${more === 0 ? '' : ` (and ${more} more)`}`,
    {
      hint:
        refusal === undefined
          ? 'joinery cluster member confirm NODE records that a member has its answer; --force goes on'
          : 'joinery cluster status shows the phase',
      details: { findings: findings.map((finding) => ({ ...finding })) },
    },
  );
}

interface Taken {
  readonly record: ClusterRecord;
  readonly token: Secret | undefined;
  readonly warnings: readonly string[];
}

async function take(staged: Realm, { record }: StoredCluster, input: RotateClusterCaInput): Promise<Taken> {
  const { step } = input;
  if (step === 'trust-new') return trustNew(staged, record, input);
  const reissues = step === 'issue-new' || (step === 'rollback' && record.phase === 'issue-new');
  if (!reissues) return { record: afterStep(record, step), token: undefined, warnings: [] };
  // Another authority issues, and the join token pins that one.
  const ca = issuerAfter(record, step);
  const { record: withNew, warnings } = await nextCertificate(staged, record, { ...input, ca });
  const { record: withToken, token } = await nextToken(staged, withNew, ca);
  return { record: afterStep({ ...withToken, sequence: record.sequence }, step), token, warnings };
}

async function trustNew(staged: Realm, record: ClusterRecord, input: RotateClusterCaInput): Promise<Taken> {
  const known = (await readCas(staged)).map((ca) => ca.record.name);
  const { record: ca, warnings } = await createCa(staged, {
    name: input.ca ?? nextCaName(record.name, known),
    keyType: input.keyType,
    pathLen: 0,
  });
  return { record: afterStep(record, 'trust-new', ca.name), token: undefined, warnings };
}

async function factsOf(realm: Realm, record: ClusterRecord): Promise<StepFacts> {
  const cas = await Promise.all(record.authorities.map((ca) => readCa(realm, ca, `authority of cluster ${record.name}`)));
  return {
    record,
    now: realm.clock.now(),
    authorities: cas.map(({ record: { name }, certificate }) => ({ name, notAfter: certificate.notAfter })),
    others: record.phase === 'issue-new' ? await otherCertificates(realm, record) : [],
  };
}

/** Certificates of the older authority that somebody made for something else than the cluster. */
async function otherCertificates(realm: Realm, { authorities, superseded }: ClusterRecord): Promise<{ serial: string; subject: string }[]> {
  const shared = new Set(superseded.map(({ serial }) => serial));
  const now = realm.clock.now();
  const found: { serial: string; subject: string }[] = [];
  const { store } = realm;
  for await (const page of storePages(store, 'cert/')) {
    for (const { key, value } of page) {
      const { serial, ca, not_after, profile, subject, revoked } = parseCertificateRecord(key, value);
      const counts = ca === authorities[0] && not_after > now && revoked === undefined && profile !== 'cluster';
      if (counts && !shared.has(serial)) found.push({ serial, subject });
    }
  }
  return found;
}
