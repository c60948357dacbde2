/** What a revocation stops, and what was revoked, for people and for `--json`. */
import type { RevocationPlan } from '../../app/plan-revocation.ts';
import type { ShownRevocation } from '../../app/revocation-history.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { RevocationEntry } from '../../core/join/messages.ts';
import { formatInstant } from '../../core/time.ts';
import { fields, printable, table } from './text.ts';

export function planData({ nodes, certificates, tokens }: RevocationPlan): JsonObject {
  return {
    nodes: nodes.map(({ record, certificates: live, tokens: named, already }) => ({
      cluster: record.cluster,
      node: record.node,
      role: record.role,
      identity: record.identity,
      certificates: live.map(({ serial, notAfter, ca }) => ({ serial, ca, expires_at: formatInstant(notAfter) })),
      tokens: [...named],
      already,
    })),
    certificates: certificates.map(({ serial, issuer, node, already }) => ({
      serial,
      ca: issuer,
      ...(node !== undefined && { cluster: node.cluster, node: node.node }),
      already,
    })),
    tokens: tokens.map(({ id, grant, joined, already }) => ({
      id,
      registered: grant !== undefined,
      ...(grant !== undefined && { clusters: [...grant.clusters], role: grant.role }),
      joined: joined.map(({ cluster, node }) => ({ cluster, node })),
      already,
    })),
  };
}

/** Lines that say what stops working, and for whom. */
export function planText({ nodes, certificates, tokens }: RevocationPlan): string {
  const lines = [
    ...nodes.flatMap(({ record, certificates: live, tokens: named, already }) => [
      `node ${record.cluster}/${record.node}, ${record.role}, ${record.identity}${before(already)}`,
      ...live.map(({ serial, notAfter, ca }) => `  certificate ${serial} of ${ca}, until ${formatInstant(notAfter)}`),
      ...named.map((id) => `  token ${id}, which names it`),
      '  every other token so far, in its name; it enters again only by a new one with --allow-reentry',
    ]),
    ...certificates.flatMap(({ serial, issuer, node, already }) => [
      `certificate ${serial} of ${issuer}${before(already)}`,
      ...(node === undefined ? [] : [`  of node ${node.cluster}/${node.node}, with its key; --node revokes all of the node`]),
    ]),
    ...tokens.flatMap(({ id, grant, joined, already }) => [
      `token ${id}${grant === undefined ? ', which the realm did not mint' : `, ${grant.role} in ${grant.clusters.join(', ')}`}${before(already)}`,
      ...joined.map(({ cluster, node }) => `  node ${cluster}/${node} joined by it and keeps its certificate; --node revokes the node`),
    ]),
  ];
  return lines.map(printable).join('\n');
}

function before(already: boolean): string {
  return already ? ' (revoked before)' : '';
}

export function entryData(entry: RevocationEntry): JsonObject {
  return { ...entry } as JsonObject;
}

export function entriesTable(entries: readonly RevocationEntry[]): string {
  if (entries.length === 0) return 'nothing was revoked';
  const rows = entries.map(({ seq, revoked_at: at, serial, cluster, node, reason }) => {
    return [String(seq), at, serial, node === undefined ? '-' : `${cluster ?? '-'}/${node}`, reason];
  });
  return table(['SEQ', 'AT', 'SERIAL', 'NODE', 'REASON'], rows);
}

export function shownRevocationData({ serial, state, entries, audit }: ShownRevocation): JsonObject {
  return {
    serial,
    state,
    entries: entries.map(entryData),
    audit: audit.map(({ seq, time, event, actor, correlation_id: id }) => ({ seq, time, event, actor: { ...actor }, correlation_id: id })),
  };
}

export function shownRevocationText({ serial, state, entries, audit }: ShownRevocation): string {
  const last = entries.at(-1);
  const who = audit.map(({ time, event, actor, correlation_id: id }) => [time, event, actor.name, id]);
  const facts = fields({ serial, state, identity: last?.spiffe_id, fingerprint: last?.fingerprint });
  return [facts, entriesTable(entries), ...(who.length === 0 ? [] : [table(['TIME', 'EVENT', 'ACTOR', 'CORRELATION ID'], who)])].join(
    '\n\n',
  );
}
