/** Shared cluster certificates for people and for `--json`. */
import type { SealedAnswer } from '../../app/cluster-answers.ts';
import type { EnrolledMember } from '../../app/cluster-enrolled.ts';
import type { ClusterStatus } from '../../app/cluster-status.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { Finding } from '../../core/cluster/phases.ts';
import type { ClusterRecord } from '../../core/cluster/record.ts';
import { jwkThumbprint } from '../../core/jwk.ts';
import { formatInstant, type Instant } from '../../core/time.ts';
import { fields, printable, type Style, table } from './text.ts';

const at = (instant: number): string => formatInstant(instant as Instant);

export function clusterData(record: ClusterRecord): JsonObject {
  const { certificate, members, evicted, superseded } = record;
  return {
    cluster: record.name,
    phase: record.phase,
    sequence: record.sequence,
    authorities: [...record.authorities],
    certificate: {
      serial: certificate.serial,
      ca: certificate.ca,
      generation: certificate.generation,
      not_after: at(certificate.not_after),
    },
    superseded: superseded.map(({ serial, overlap_until }) => ({ serial, overlap_until: at(overlap_until) })),
    token: record.token,
    members: members.map(({ node, key, confirmed }) => ({ node, key_thumbprint: jwkThumbprint(key), confirmed })),
    evicted: evicted.map((entry) => ({ ...entry, at: at(entry.at) })),
  };
}

export function clusterFields(record: ClusterRecord): Readonly<Record<string, string | number>> {
  const { certificate, members } = record;
  return {
    cluster: record.name,
    phase: record.phase,
    authorities: record.authorities.join(', '),
    certificate: `${certificate.serial} (number ${certificate.generation}, of ${certificate.ca})`,
    'not after': at(certificate.not_after),
    'join token': record.token,
    members: members.length,
    answer: record.sequence,
  };
}

export function answersData(answers: readonly SealedAnswer[], out: string | undefined): JsonObject {
  return { ...(out !== undefined && { out }), answers: answers.map(({ node, file }) => ({ node, file })) };
}

export function answersText(answers: readonly SealedAnswer[], out: string | undefined): string {
  if (answers.length === 0) return '';
  return `\n\nanswers in ${printable(out ?? '')}, each for its node only:\n${answers.map(({ file }) => `  ${printable(file)}`).join('\n')}`;
}

const COLOURS = { refusal: 'red', break: 'red', warning: 'yellow' } as const;
const WORDS = { refusal: 'refused', break: 'would break', warning: 'note' } as const;

export function findingsText(findings: readonly Finding[], paint: Style): string {
  if (findings.length === 0) return 'nothing would break';
  return findings.map(({ severity, message }) => `${paint(COLOURS[severity], WORDS[severity])}: ${printable(message)}`).join('\n');
}

export function findingsData(findings: readonly Finding[]): JsonObject[] {
  return findings.map((finding) => ({ ...finding }));
}

export function statusText({ record, authorities, behind, notes, enrolled }: ClusterStatus): string {
  const late = new Set(behind);
  const ends = authorities.map((ca) => `${ca.record.name} until ${formatInstant(ca.certificate.notAfter)}`).join(', ');
  const members = record.members.map(({ node, confirmed }) => [node, String(confirmed), late.has(node) ? 'behind' : 'up to date']);
  return [
    fields({ ...clusterFields(record), authorities: ends }),
    ...(members.length === 0 ? [] : ['', table(['NODE', 'ANSWER', 'STATE'], members)]),
    ...(enrolled.length === 0
      ? []
      : [
          '',
          table(
            ['ENROLLED', 'ADDRESS', 'AT', 'STATE'],
            enrolled.map((member) => enrolledRow(member, record)),
          ),
        ]),
    ...(record.evicted.length === 0 ? [] : ['', `evicted: ${record.evicted.map(({ node }) => printable(node)).join(', ')}`]),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => printable(`note: ${note}`))]),
  ].join('\n');
}

function enrolledRow({ node, address, at: since, serial }: EnrolledMember, { certificate }: ClusterRecord): readonly string[] {
  return [node, address, at(since), serial === certificate.serial ? 'up to date' : 'has an older certificate'];
}

export function statusData({ record, behind, notes, enrolled }: ClusterStatus): JsonObject {
  const members = enrolled.map((member) => ({ ...member, at: at(member.at) }));
  return { ...clusterData(record), behind: [...behind], notes: [...notes], enrolled: members };
}
