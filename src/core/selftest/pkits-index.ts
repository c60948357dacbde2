/** Where the tests of NIST PKITS (version 1.0.1) stand in its document, and those of section 4.8 to 4.12 that have inputs. */
import type { PolicyInputs } from '../x509/policy-graph.ts';

/** Names of tests without "Valid", "Invalid" and the number, by their section. */
const SECTIONS: readonly (readonly [section: string, names: string])[] = [
  ['4.1', 'CertificatePath CASignature EESignature DSASignatures DSAParameterInheritance DSASignature'],
  ['4.2', 'CAnotBeforeDate EEnotBeforeDate pre2000UTCnotBeforeDate GeneralizedTimenotBeforeDate'],
  ['4.2', 'CAnotAfterDate EEnotAfterDate pre2000UTCEEnotAfterDate GeneralizedTimenotAfterDate'],
  ['4.3', 'NameChaining NameChainingOrder NameChainingWhitespace NameChainingCapitalization NameUIDs'],
  ['4.3', 'RFC3280MandatoryAttributeTypes RFC3280OptionalAttributeTypes UTF8StringEncodedNames'],
  ['4.3', 'RolloverfromPrintableStringtoUTF8String UTF8StringCaseInsensitiveMatch'],
  ['4.4', 'MissingCRL RevokedCA RevokedEE BadCRLSignature BadCRLIssuerName WrongCRL TwoCRLs UnknownCRLEntryExtension'],
  ['4.4', 'UnknownCRLExtension OldCRLnextUpdate pre2000CRLnextUpdate GeneralizedTimeCRLnextUpdate NegativeSerialNumber'],
  ['4.4', 'LongSerialNumber SeparateCertificateandCRLKeys'],
  ['4.5', 'BasicSelfIssuedOldWithNew BasicSelfIssuedNewWithOld BasicSelfIssuedCRLSigningKey'],
  ['4.6', 'MissingbasicConstraints cAFalse basicConstraintsNotCritical pathLenConstraint SelfIssuedpathLenConstraint'],
  ['4.7', 'keyUsageCriticalkeyCertSignFalse keyUsageNotCriticalkeyCertSignFalse keyUsageNotCritical'],
  ['4.7', 'keyUsageCriticalcRLSignFalse keyUsageNotCriticalcRLSignFalse'],
  ['4.8', 'AllCertificatesNoPolicies DifferentPolicies OverlappingPolicies AllCertificatesSamePolicies'],
  ['4.8', 'AllCertificatesanyPolicy AnyPolicy UserNoticeQualifier CPSPointerQualifier'],
  ['4.9', 'requireExplicitPolicy SelfIssuedrequireExplicitPolicy'],
  ['4.10', 'PolicyMapping MappingFromanyPolicy MappingToanyPolicy'],
  ['4.11', 'inhibitPolicyMapping SelfIssuedinhibitPolicyMapping'],
  ['4.12', 'inhibitAnyPolicy SelfIssuedinhibitAnyPolicy'],
  ['4.13', 'DNnameConstraints RFC822nameConstraints DNandRFC822nameConstraints DNSnameConstraints URInameConstraints'],
  ['4.14', 'distributionPoint NoissuingDistributionPoint onlyContainsUserCerts onlyContainsCACerts'],
  ['4.14', 'onlyContainsAttributeCerts onlySomeReasons IDPwithindirectCRL cRLIssuer'],
  ['4.15', 'deltaCRLIndicatorNoBase deltaCRL'],
  ['4.16', 'UnknownNotCriticalCertificateExtension UnknownCriticalCertificateExtension'],
];

const SECTION_OF: ReadonlyMap<string, string> = new Map(
  SECTIONS.flatMap(([section, names]) => names.split(' ').map((name) => [name, section])),
);

/** `4.3.6` of `ValidNameUIDsTest6`; undefined for a test that the suite does not have. */
export function sectionOf(test: string): string | undefined {
  const [, name, number] = /^(?:Valid|Invalid)?(.+?)Test(\d+)$/.exec(test) ?? [];
  const section = SECTION_OF.get(name ?? '');
  return section && `${section}.${number}`;
}

export interface PolicyRun {
  /** Where it is not that of the certificate's name. */
  readonly section?: string;
  readonly valid: boolean;
  readonly inputs: PolicyInputs;
}

/** NIST-test-policy-1 and so on. */
const policies = (...numbers: readonly number[]): PolicyInputs => ({
  initialPolicies: new Set(numbers.map((number) => `2.16.840.1.101.3.2.1.48.${number}`)),
});
const explicit: PolicyInputs = { requireExplicitPolicy: true };
const valid = (inputs: PolicyInputs = {}): PolicyRun => ({ valid: true, inputs });
const invalid = (inputs: PolicyInputs = {}): PolicyRun => ({ valid: false, inputs });

/** Tests that are run with several inputs, and those whose name does not say what is expected. */
export const POLICY_RUNS: Readonly<Record<string, readonly PolicyRun[]>> = {
  ValidCertificatePathTest1: [
    valid(),
    { ...valid(explicit), section: '4.8.1' },
    { ...valid({ ...explicit, ...policies(1) }), section: '4.8.1' },
    { ...invalid({ ...explicit, ...policies(2) }), section: '4.8.1' },
    { ...valid({ ...explicit, ...policies(1, 2) }), section: '4.8.1' },
  ],
  AllCertificatesNoPoliciesTest2: [valid(), invalid(explicit)],
  DifferentPoliciesTest3: [valid(), invalid(explicit), invalid({ ...explicit, ...policies(1, 2) })],
  OverlappingPoliciesTest6: [valid(), valid(policies(1)), invalid(policies(2))],
  AllCertificatesSamePoliciesTest10: [valid(), valid(policies(1)), valid(policies(2))],
  AllCertificatesanyPolicyTest11: [valid(), valid(policies(1))],
  AllCertificatesSamePoliciesTest13: [valid(policies(1)), valid(policies(2)), valid(policies(3))],
  AnyPolicyTest14: [valid(policies(1)), invalid(policies(2))],
  UserNoticeQualifierTest15: [valid()],
  UserNoticeQualifierTest16: [valid()],
  UserNoticeQualifierTest17: [valid()],
  UserNoticeQualifierTest18: [valid(policies(1)), valid(policies(2))],
  UserNoticeQualifierTest19: [valid()],
  CPSPointerQualifierTest20: [valid()],
  ValidPolicyMappingTest1: [valid(policies(1)), invalid(policies(2)), invalid({ inhibitPolicyMapping: true })],
  InvalidPolicyMappingTest2: [invalid(), invalid({ inhibitPolicyMapping: true })],
  ValidPolicyMappingTest3: [invalid(policies(1)), valid(policies(2))],
  ValidPolicyMappingTest5: [valid(policies(1)), invalid(policies(6))],
  ValidPolicyMappingTest6: [valid(policies(1)), invalid(policies(6))],
  ValidPolicyMappingTest12: [valid(policies(1)), valid(policies(2))],
  inhibitAnyPolicyTest3: [valid(), invalid({ inhibitAnyPolicy: true })],
};
