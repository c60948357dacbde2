/** Renewals that were right, each by itself, and together smell of a stolen key: too many of one node, or from two of its certificates. */
import type { Instant } from '../core/time.ts';
import type { JoinService } from './join-service.ts';
import type { Run } from './join-run.ts';
import type { NodeCertificate, NodeRecord } from './node-records.ts';
import { tellOf } from './refusals.ts';

/** Certificates of one node that have not ended, from which on somebody is told: who renews when it is due has two. */
export const FREQUENT_RENEWALS = 8;

export interface NotedRenewal {
  /** The node as it was. */
  readonly before: NodeRecord;
  /** The certificate that was presented. */
  readonly old: NodeCertificate;
  readonly now: Instant;
}

/**
 * Raises `frequent-renewals` and `renewal-fork` for a renewal that was committed. It counts in the record of the node, so that nothing is
 * held in memory, and a restart, or another server over the same realm, changes nothing.
 */
export function noteRenewal(service: JoinService, run: Run, { before, old, now }: NotedRenewal): void {
  const { renewals = FREQUENT_RENEWALS, renewals_within: within = Infinity } = service.realm.config.server?.alerts ?? {};
  const recent = before.certificates.filter(({ not_after, issued_at }) => not_after > now && (issued_at ?? 0) > now - within);
  const count = recent.length + 1;
  // The node is told once, and not each of its certificates.
  if (count >= renewals) tellOf(service, { ...run, subject: old.node }, 'frequent-renewals', 'none', count);
  // A node presents its newest certificate, or asks for the same again: somebody else has made the newest one.
  if (before.serial !== old.serial) tellOf(service, run, 'renewal-fork', 'none');
}
