/** The policy extensions (RFC 5280 sections 4.2.1.4, 4.2.1.5, 4.2.1.11). Every function throws ERR_DER_MALFORMED. */
import { contextTag, derError, enterDer, TAG } from './der.ts';
import { oidOf, smallIntegerOf } from './der-values.ts';
import { OID } from './oids.ts';

export interface PolicyMapping {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
}

export interface PolicyConstraints {
  readonly requireExplicitPolicy: number | undefined;
  readonly inhibitPolicyMapping: number | undefined;
}

/** Object identifiers of the policies, none twice. Qualifiers are not kept: they say nothing about validity. */
export function readPolicies(value: Uint8Array, where: string): readonly string[] {
  const policies = enterDer(value, TAG.sequence, where).all((list) => {
    const reader = list.enter(TAG.sequence, 'policyInformation');
    const policy = oidOf(reader.next(TAG.oid, 'policyIdentifier'), where);
    reader.optional(TAG.sequence, 'policyQualifiers');
    reader.end();
    return policy;
  }, 1);
  if (new Set(policies).size !== policies.length) throw derError(where, 'expected each policy once, found one twice');
  return policies;
}

export function readPolicyMappings(value: Uint8Array, where: string): readonly PolicyMapping[] {
  return enterDer(value, TAG.sequence, where).all((list) => {
    const reader = list.enter(TAG.sequence, 'policyMapping');
    const issuerDomainPolicy = oidOf(reader.next(TAG.oid, 'issuerDomainPolicy'), where);
    const subjectDomainPolicy = oidOf(reader.next(TAG.oid, 'subjectDomainPolicy'), where);
    reader.end();
    if (issuerDomainPolicy === OID.anyPolicy || subjectDomainPolicy === OID.anyPolicy)
      throw derError(where, 'expected no mapping of anyPolicy, found one');
    return { issuerDomainPolicy, subjectDomainPolicy };
  }, 1);
}

export function readPolicyConstraints(value: Uint8Array, where: string): PolicyConstraints {
  const reader = enterDer(value, TAG.sequence, where);
  const [require, inhibit] = [0, 1].map((number) => {
    const constraint = reader.optional(contextTag(number, 'primitive'), `[${number}]`);
    return constraint && smallIntegerOf(constraint, where);
  });
  reader.end();
  if (require === undefined && inhibit === undefined) throw derError(where, 'expected a constraint, found none');
  return { requireExplicitPolicy: require, inhibitPolicyMapping: inhibit };
}
