/** Where a cluster with a shared certificate stands, and what should be done next. */
import { behind, NEXT_STEP } from '../core/cluster/phases.ts';
import type { ClusterRecord } from '../core/cluster/record.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { certificateKey, parseCertificateRecord } from './certificate-records.ts';
import { readClusters } from './cluster-records.ts';
import { type EnrolledMember, listEnrolled } from './cluster-enrolled.ts';
import type { Realm } from './realm.ts';

export interface ClusterStatus {
  readonly record: ClusterRecord;
  readonly authorities: readonly CertificateAuthority[];
  /** Members that are not known to have the answer with which the phase began. */
  readonly behind: readonly string[];
  /** What somebody should do or know. */
  readonly notes: readonly string[];
  /** Nodes that were given the shared certificate for the secret of a token: they have no key for sealed answers. The first 1000. */
  readonly enrolled: readonly EnrolledMember[];
}

/** @param clusterName left out: every cluster. @throws ERR_REALM_MALFORMED */
export async function clusterStatus(realm: Pick<Realm, 'store' | 'clock'>, clusterName?: string): Promise<readonly ClusterStatus[]> {
  const clusters = (await readClusters(realm)).filter(({ record }) => clusterName === undefined || record.name === clusterName);
  return Promise.all(clusters.map(({ record }) => statusOf(realm, record)));
}

async function statusOf(realm: Pick<Realm, 'store' | 'clock'>, record: ClusterRecord): Promise<ClusterStatus> {
  const authorities = await Promise.all(record.authorities.map((ca) => readCa(realm, ca, `authority of cluster ${record.name}`)));
  const late = behind(record);
  const key = certificateKey(record.certificate.serial);
  const issued = await realm.store.get(key);
  const revoked = issued !== undefined && parseCertificateRecord(key, issued.value).revoked !== undefined;
  return {
    record,
    authorities,
    enrolled: await listEnrolled(realm, record.name),
    behind: late,
    notes: [...(revoked ? [REVOKED] : []), ...notesOf(record, late, authorities, realm.clock.now())],
  };
}

const REVOKED = 'the shared certificate is revoked: joinery cluster rotate-cert replaces it';
const SOON = 30 * 86400;

function notesOf(record: ClusterRecord, late: readonly string[], authorities: readonly CertificateAuthority[], now: Instant): string[] {
  const { phase, certificate, superseded } = record;
  const notes: string[] = [];
  const ends = [
    { what: `certificate ${certificate.serial}`, at: certificate.not_after as Instant },
    ...authorities.map((ca) => ({ what: `authority ${ca.record.name}`, at: ca.certificate.notAfter })),
  ];
  for (const { what, at } of ends) if (at - now < SOON) notes.push(`${what} ends at ${formatInstant(at)}`);
  const over = superseded.filter(({ overlap_until }) => overlap_until <= now);
  if (over.length > 0)
    notes.push(`the overlap of ${over.length} old certificates is over: joinery cluster rotate-cert --end-overlap revokes them`);
  if (late.length > 0) notes.push(`not known to have answer ${record.phase_sequence}: ${late.join(', ')}`);
  if (phase !== 'stable') notes.push(`the rotation of the authority waits for ${NEXT_STEP[phase]}`);
  return notes;
}
