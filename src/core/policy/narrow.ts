/** What a request says of itself may equal or narrow what its token grants, and never widens it (FORMATS 5). */
import { JoineryError } from '../errors.ts';

export interface GrantedAttributes {
  readonly role: string;
  /** Absent in tokens that name none: then it is the realm's. */
  readonly environment?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
}

export interface AskedAttributes {
  readonly requested_role?: string | undefined;
  readonly environment?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

export interface PolicySubject {
  readonly role: string;
  readonly environment: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The attributes that a policy judges: always those that were granted. A request that leaves a label out is judged with it, or it
 * could slip past a rule that refuses the label.
 * @throws ERR_POLICY_WIDENED naming what is not granted
 */
export function policySubject(granted: GrantedAttributes, asked: AskedAttributes, realmEnvironment: string): PolicySubject {
  const { role, labels } = granted;
  const environment = granted.environment ?? realmEnvironment;
  if (asked.requested_role !== undefined && asked.requested_role !== role) throw widened('requested_role', role);
  if (asked.environment !== undefined && asked.environment !== environment) throw widened('environment', environment);
  for (const [label, value] of Object.entries(asked.labels ?? {})) {
    const own = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (own !== value) throw widened(`labels.${label.slice(0, 64)}`, own ?? 'no such label');
  }
  return { role, environment, labels };
}

function widened(member: string, granted: string): JoineryError {
  return new JoineryError('ERR_POLICY_WIDENED', `${member}: expected what the token grants, ${granted}, found another value`, {
    hint: 'leave it out of the request, or mint a token that grants it',
    details: { member },
  });
}
