/** What the commands of a node show. */
import type { InstalledIdentity } from '../../app/install-identity.ts';
import type { NodeIdentity } from '../../app/node-identity.ts';
import type { NodeStatus } from '../../app/node-status.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { NodeMeta } from '../../core/join/node-directory.ts';
import { formatInstant } from '../../core/time.ts';
import { statusData } from '../trust-output.ts';
import { fields, type Style, table } from './text.ts';

export interface ShownIdentity {
  readonly generation: string;
  readonly meta: NodeMeta;
  readonly expiresAt: string;
}

export function shownIdentity(identity: NodeIdentity | InstalledIdentity): ShownIdentity {
  const { generation, meta, certificate } = identity;
  return {
    generation: typeof generation === 'number' ? `gen-${generation}` : generation,
    meta,
    expiresAt: formatInstant(certificate.notAfter),
  };
}

export function identityData({ generation, meta, expiresAt }: ShownIdentity): JsonObject {
  const { identity, serial, fingerprint, audit_id, cluster, role, node, renew_after } = meta;
  const optional = { cluster, role, node, renew_after };
  const known = Object.entries(optional).filter(([, value]) => value !== undefined);
  return { identity, serial, fingerprint, audit_id, generation, expires_at: expiresAt, ...(Object.fromEntries(known) as JsonObject) };
}

export function identityText(shown: ShownIdentity, directory: string): string {
  const { meta, expiresAt, generation } = shown;
  return fields({
    identity: meta.identity,
    ...(meta.cluster !== undefined && { cluster: meta.cluster }),
    ...(meta.role !== undefined && { role: meta.role }),
    'valid until': expiresAt,
    ...(meta.renew_after !== undefined && { 'renew after': meta.renew_after }),
    installed: `${directory}/identity/${generation}`,
    'audit id': meta.audit_id,
  });
}

export function nodeStatusData({ checks, ok, identity, schedule, trust, last }: NodeStatus): JsonObject {
  return {
    in_order: ok,
    ...(identity !== undefined && { identity: identityData(shownIdentity(identity)) }),
    ...(schedule !== undefined && { renewal: { state: schedule.state, due: formatInstant(schedule.due) } }),
    trust: trust.map((status) => statusData(status)),
    ...(last !== undefined && { last: { ...last } as unknown as JsonObject }),
    checks: checks.map((row) => ({ ...row }) as unknown as JsonObject),
  };
}

const MARKS = { ok: ['green', 'ok'], failed: ['red', 'FAILED'], warning: ['yellow', 'look'], skipped: ['dim', 'skipped'] } as const;

export function nodeStatusText({ checks, ok, identity }: NodeStatus, directory: string, paint: Style): string {
  const lines = table(
    ['CHECK', 'RESULT', 'DETAIL'],
    checks.map(({ check, result, detail }) => [check, MARKS[result][1].padEnd(7), detail]),
  ).split('\n');
  const coloured = checks.map(({ result }, index) => {
    const [colour, mark] = MARKS[result];
    return (lines[index + 1] as string).replace(mark.padEnd(7), paint(colour, mark.padEnd(7)));
  });
  const bad = checks.filter(({ result }) => result === 'failed').length;
  const verdict = ok ? paint('green', 'the node is in order') : paint('red', `not in order: ${bad} of ${checks.length} checks failed`);
  const head = identity === undefined ? [] : [identityText(shownIdentity(identity), directory), ''];
  return [...head, lines[0], ...coloured, '', verdict].join('\n');
}
