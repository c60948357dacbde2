/**
 * The rotation of a cluster's authority: trust-new -> issue-new -> retire-old. Members learn of each step by an answer; a step that is
 * taken before they have the answer of the step before it would cut them off, which the pre-flight says.
 */
import { formatInstant, type Instant } from '../time.ts';
import { type ClusterRecord, issuingAuthority, type Phase, type SharedCertificate } from './record.ts';

export const STEPS = ['trust-new', 'issue-new', 'retire-old', 'rollback'] as const;
export type Step = (typeof STEPS)[number];

export interface Finding {
  /** `refusal`: never; `break`: something would stop working; `warning`: to be known. */
  readonly severity: 'refusal' | 'break' | 'warning';
  readonly rule: string;
  readonly message: string;
}

export interface StepFacts {
  readonly record: ClusterRecord;
  readonly now: Instant;
  /** The trusted authorities, in the order of the record. */
  readonly authorities: readonly { readonly name: string; readonly notAfter: Instant }[];
  /** Certificates of the older authority that are valid, and are not of this cluster. */
  readonly others: readonly { readonly serial: string; readonly subject: string }[];
}

const FROM: Readonly<Record<Step, readonly Phase[]>> = {
  'trust-new': ['stable'],
  'issue-new': ['trust-new'],
  'retire-old': ['issue-new'],
  rollback: ['trust-new', 'issue-new'],
};

/** The step that follows on a phase. */
export const NEXT_STEP: Readonly<Record<Phase, Exclude<Step, 'rollback'>>> = {
  stable: 'trust-new',
  'trust-new': 'issue-new',
  'issue-new': 'retire-old',
};

/** What would happen, worst first; a step with a refusal is not taken, one that breaks something only by force. */
export function preflight(step: Step, facts: StepFacts): readonly Finding[] {
  const { record, now, authorities } = facts;
  if (!FROM[step].includes(record.phase)) return [wrongPhase(step, record)];
  const findings = authorities
    .filter(({ notAfter }) => notAfter <= now)
    .map(({ name, notAfter }) => finding('refusal', 'authority-expired', `authority ${name} ended at ${formatInstant(notAfter)}`));
  if (record.members.length === 0)
    findings.push(
      finding('warning', 'no-members', 'no member is registered: nobody gets an answer; members enroll again with a new token'),
    );
  return [...findings, ...RULES[step](facts)].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

const ORDER: readonly Finding['severity'][] = ['refusal', 'break', 'warning'];

const finding = (severity: Finding['severity'], rule: string, message: string): Finding => ({ severity, rule, message });

function wrongPhase(step: Step, { phase }: ClusterRecord): Finding {
  const hint = step === 'rollback' ? 'there is nothing to roll back' : `the next step is ${NEXT_STEP[phase]}`;
  return finding('refusal', 'phase', `expected phase ${FROM[step].join(' or ')} for ${step}, found ${phase}: ${hint}`);
}

const RULES: Readonly<Record<Step, (facts: StepFacts) => readonly Finding[]>> = {
  'trust-new': () => [],
  'issue-new': ({ record }) => [
    ...behind(record).map((node) =>
      finding(
        'break',
        'member-behind',
        `${node} has not confirmed answer ${record.phase_sequence}: it would refuse whoever presents the new certificate`,
      ),
    ),
    finding('warning', 'tokens', `join tokens that pin ${record.authorities[0]} stop working; the cluster gets a new one`),
  ],
  'retire-old': ({ record, others }) => [
    ...behind(record).map((node) =>
      finding(
        'break',
        'member-behind',
        `${node} has not confirmed answer ${record.phase_sequence}: it presents the old certificate, which the others would refuse`,
      ),
    ),
    ...others.map(({ serial, subject }) =>
      finding(
        'break',
        'other-certificate',
        `certificate ${serial} (${subject}) of ${record.authorities[0]} would no longer be trusted in the cluster`,
      ),
    ),
    finding('warning', 'final', `after this there is no way back to ${record.authorities[0]}`),
  ],
  rollback: ({ record }) => [
    finding(
      'warning',
      'rollback',
      record.phase === 'issue-new'
        ? `the cluster gets another certificate of ${record.authorities[0]}; both authorities stay trusted`
        : `${record.authorities[1]} is no longer trusted; answers without it go to every member`,
    ),
  ],
};

/** Members that are not known to have the answer with which the phase began. */
export function behind({ members, phase_sequence }: ClusterRecord): readonly string[] {
  return members.filter(({ confirmed }) => confirmed < phase_sequence).map(({ node }) => node);
}

/** The certificate that was in use goes onto the list of superseded ones. */
export function withCertificate(
  record: ClusterRecord,
  certificate: SharedCertificate,
  times: { readonly now: Instant; readonly overlapUntil: Instant },
): ClusterRecord {
  const { serial, ca, generation } = record.certificate;
  const old = { serial, ca, generation, since: times.now, overlap_until: times.overlapUntil };
  return { ...record, sequence: record.sequence + 1, certificate, superseded: [...record.superseded, old] };
}

/** The record after a step; `issue-new` and a rollback from there take the certificate in first ({@link withCertificate}). */
export function afterStep(record: ClusterRecord, step: Step, newAuthority?: string): ClusterRecord {
  const sequence = record.sequence + 1;
  const next = { ...record, sequence, phase_sequence: sequence };
  const [older, newer] = record.authorities as [string, string];
  switch (step) {
    case 'trust-new':
      return { ...next, phase: 'trust-new', authorities: [older, newAuthority as string] };
    case 'issue-new':
      return { ...next, phase: 'issue-new' };
    case 'retire-old':
      return { ...next, phase: 'stable', authorities: [newer], superseded: next.superseded.filter(({ ca }) => ca !== older) };
    case 'rollback':
      return record.phase === 'issue-new'
        ? { ...next, phase: 'trust-new' }
        : { ...next, phase: 'stable', authorities: [older], superseded: next.superseded.filter(({ ca }) => ca !== newer) };
  }
}

/** The authority that issues after a step. */
export function issuerAfter(record: ClusterRecord, step: Step): string {
  return issuingAuthority(afterStep(record, step, record.authorities[0]));
}
