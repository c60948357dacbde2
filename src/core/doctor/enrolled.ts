/** The nodes that joined, as a realm remembers them: whole records, complete revocations, and renewals that come. */
import type { Instant } from '../time.ts';
import type { Finding } from './finding.ts';

export interface EnrolledNode {
  readonly cluster: string;
  readonly node: string;
  readonly revoked: boolean;
  /** Of its newest certificate. */
  readonly issuedAt: Instant;
  readonly notAfter: Instant;
  /** The record of that certificate names this node and this certificate. */
  readonly isRecorded: boolean;
  /** Serial numbers of certificates of a revoked node that live and are not revoked. */
  readonly open: readonly string[];
}

export interface Enrolled {
  /** Clusters of the configuration. */
  readonly clusters: readonly string[];
  readonly nodes: readonly EnrolledNode[];
  /** Serial numbers of certificates that live, of nodes that have no record. */
  readonly orphans: readonly string[];
}

/** A node that did not renew for so long was given up. */
const GIVEN_UP = 30 * 86400;
/** Renewals come at two thirds of a life: in the last twentieth they have failed for long. */
const LATE = 1 / 20;
/** So many of a cluster are no bad luck. */
const MANY = 0.5;
const MOST = 20;
const NAMED = 5;

export function judgeEnrolled({ clusters, nodes, orphans }: Enrolled, now: Instant): Finding[] {
  return [...judgeRecords(nodes, orphans, now), ...judgeRevoked(nodes), ...judgeClusters(nodes, clusters), ...judgeRenewals(nodes, now)];
}

const name = ({ cluster, node }: EnrolledNode): string => `node ${cluster}/${node}`;
/** Names of the first, and how many others there are. */
const some = (nodes: readonly EnrolledNode[]): string =>
  nodes
    .slice(0, NAMED)
    .map(({ node }) => node)
    .join(', ') + (nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : '');

/** At most so many of one kind, so that a wide fault does not hide the others. */
function atMost(findings: readonly Finding[]): Finding[] {
  const [last, rest] = [findings[MOST - 1], findings.length - MOST];
  if (last === undefined || rest <= 0) return [...findings];
  return [...findings.slice(0, MOST), { ...last, where: 'nodes', what: `${rest} more of the same` }];
}

const RESTORE = 'stop the servers, and restore the realm from a backup: joinery realm restore';

function judgeRecords(nodes: readonly EnrolledNode[], orphans: readonly string[], now: Instant): Finding[] {
  const base = { code: 'enrollment-record', severity: 'critical', next: RESTORE } as const;
  // What has ended is forgotten by `enrollment gc`.
  const torn = nodes.filter(({ isRecorded, notAfter }) => !isRecorded && notAfter > now);
  return [
    ...atMost(
      torn.map((node) => ({ ...base, where: name(node), what: 'expected the record of its newest certificate, found none or another' })),
    ),
    ...atMost(orphans.map((serial) => ({ ...base, where: `certificate ${serial}`, what: 'expected the record of its node, found none' }))),
  ];
}

function judgeRevoked(nodes: readonly EnrolledNode[]): Finding[] {
  const open = nodes.filter(({ open: serials }) => serials.length > 0);
  return atMost(
    open.map((node) => ({
      code: 'enrollment-revoked',
      severity: 'critical',
      where: name(node),
      what: `expected every certificate of a revoked node revoked, found ${node.open.length} that are not`,
      next: `revoke it again: joinery revoke --node ${node.node} --cluster ${node.cluster}`,
    })),
  );
}

function judgeClusters(nodes: readonly EnrolledNode[], clusters: readonly string[]): Finding[] {
  const gone = new Set(nodes.map(({ cluster }) => cluster).filter((cluster) => !clusters.includes(cluster)));
  return [...gone].map((cluster) => ({
    code: 'enrollment-cluster',
    severity: 'warn',
    where: `cluster ${cluster}`,
    what: `expected the cluster of ${nodes.filter((node) => node.cluster === cluster).length} node(s) in joinery.yaml, found none`,
    next: 'put the cluster back, or revoke its nodes first: nothing judges their renewals',
  }));
}

function judgeRenewals(nodes: readonly EnrolledNode[], now: Instant): Finding[] {
  const alive = nodes.filter(({ revoked, notAfter }) => !revoked && now - notAfter < GIVEN_UP);
  return [...Map.groupBy(alive, ({ cluster }) => cluster)].flatMap(([cluster, own]): Finding[] => {
    const late = own.filter(({ issuedAt, notAfter }) => notAfter - now < (notAfter - issuedAt) * LATE);
    if (late.length === 0) return [];
    const what = `expected renewals, found ${late.length} of ${own.length} nodes with a certificate that has ended or soon will: ${some(late)}`;
    const next = 'find out why they do not renew: docs/guides/renewal-outage.md';
    return [
      {
        code: 'enrollment-late',
        severity: late.length >= own.length * MANY ? 'critical' : 'warn',
        where: `cluster ${cluster}`,
        what,
        next,
      },
    ];
  });
}
