/** A whole certification path against RFC 5280 section 6.1, except signatures, which the builder has checked, and revocation. */
import type { Certificate } from './certificate.ts';
import { generalNameText } from './general-names.ts';
import { hasIdentity, type ReferenceIdentity } from './identity.ts';
import { MAX_COMPARISONS, nameViolation } from './name-constraints.ts';
import { OID, oidText } from './oids.ts';
import { type Finding, type Role, type RuleContext, ruleViolation } from './path-rules.ts';
import { policiesHold, type PolicyInputs } from './policy-graph.ts';

export interface PathDemands extends RuleContext {
  /** Object identifier of the key purpose that leaf and authorities must allow. */
  readonly purpose?: string | undefined;
  readonly identities: readonly ReferenceIdentity[];
  readonly policies?: PolicyInputs | undefined;
}

export interface PlacedFinding extends Finding {
  readonly certificate: Certificate;
}

/** @param path from the leaf to the anchor, linked by name and signature. @returns what is wrong, or undefined. */
export function pathViolation(path: readonly Certificate[], demands: PathDemands): PlacedFinding | undefined {
  return (
    rules(path, demands) ??
    pathLengths(path) ??
    purposes(path, demands) ??
    constraints(path) ??
    policies(path, demands) ??
    identity(path, demands)
  );
}

export function roleOf(index: number, length: number): Role {
  if (index === 0) return 'leaf';
  return index === length - 1 ? 'anchor' : 'intermediate';
}

function rules(path: readonly Certificate[], demands: PathDemands): PlacedFinding | undefined {
  for (const [index, certificate] of path.entries()) {
    const finding = ruleViolation(certificate, roleOf(index, path.length), demands);
    if (finding !== undefined) return { ...finding, certificate };
  }
  return undefined;
}

/** RFC 5280 section 6.1.4 (l), (m): self-issued authorities do not count, nor does the leaf. */
function pathLengths(path: readonly Certificate[]): PlacedFinding | undefined {
  let below = 0;
  for (const certificate of path.slice(1)) {
    const most = certificate.extensions.basicConstraints?.pathLenConstraint ?? Infinity;
    if (below > most) return { fault: 'path-length', reason: `expected at most ${most} authorities below it, found ${below}`, certificate };
    if (!certificate.selfIssued) below += 1;
  }
  return undefined;
}

/**
 * The purpose in every certificate that limits purposes. RFC 5280 section 4.2.1.12 says it of the leaf; that an authority's purposes
 * bind what is below it is stricter, and usual. The anchor is trusted for what its user says.
 */
function purposes(path: readonly Certificate[], { purpose, profile }: PathDemands): PlacedFinding | undefined {
  if (purpose === undefined) return undefined;
  for (const [index, certificate] of path.slice(0, -1).entries()) {
    const { extKeyUsage } = certificate.extensions;
    const strict = profile === 'web' && index === 0;
    const any = !strict && (extKeyUsage === undefined || extKeyUsage.includes(OID.anyExtendedKeyUsage));
    if (!any && extKeyUsage?.includes(purpose) !== true)
      return { fault: 'purpose', reason: `expected key purpose ${oidText(purpose)}, found others`, certificate };
  }
  return undefined;
}

/** RFC 5280 section 6.1.3 (b), (c): from each authority down; self-issued authorities are skipped, the leaf never. */
function constraints(path: readonly Certificate[]): PlacedFinding | undefined {
  const budget = { left: MAX_COMPARISONS };
  for (const [index, authority] of path.entries()) {
    const { nameConstraints } = authority.extensions;
    if (nameConstraints === undefined) continue;
    for (const [below, certificate] of path.slice(0, index).entries()) {
      if (below > 0 && certificate.selfIssued) continue;
      const violation = nameViolation(certificate, nameConstraints, budget);
      if (violation !== undefined) return { fault: 'name-constraints', reason: violation, certificate };
    }
  }
  return undefined;
}

function policies(path: readonly Certificate[], demands: PathDemands): PlacedFinding | undefined {
  const [leaf] = path as [Certificate];
  const issued = path.slice(0, -1).toReversed();
  return policiesHold(issued, demands.policies)
    ? undefined
    : { fault: 'policy', reason: 'expected an acceptable certificate policy, found none', certificate: leaf };
}

function identity(path: readonly Certificate[], { identities }: PathDemands): PlacedFinding | undefined {
  const [leaf] = path as [Certificate];
  const missing = identities.find((wanted) => !hasIdentity(leaf, wanted));
  return (
    missing && {
      fault: 'identity',
      reason: `expected ${generalNameText(missing)} in subjectAltName, found ${namesOf(leaf, missing.kind)}`,
      certificate: leaf,
    }
  );
}

/** Some of the names of a kind: a certificate may have many. */
const MAX_SHOWN = 5;

function namesOf({ extensions }: Certificate, kind: ReferenceIdentity['kind']): string {
  const names = (extensions.subjectAltName ?? []).filter((name) => name.kind === kind).map(generalNameText);
  if (names.length === 0) return 'no name of that kind';
  return names.length > MAX_SHOWN ? `${names.slice(0, MAX_SHOWN).join(', ')} and ${names.length - MAX_SHOWN} more` : names.join(', ');
}
