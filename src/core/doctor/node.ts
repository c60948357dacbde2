/** The state of one node, as its directory shows it, and of a fleet of them. */
import type { VerifySignature } from '../key-ports.ts';
import type { Pin } from '../digest.ts';
import { formatDuration, type Instant } from '../time.ts';
import type { Purpose } from '../trust/purpose.ts';
import { sharedAnchors } from '../trust/separation.ts';
import type { Certificate } from '../x509/certificate.ts';
import { generalNameText } from '../x509/general-names.ts';
import { validatePath } from '../x509/path.ts';
import type { Finding } from './finding.ts';
import { type Horizon, judgeEnding } from './horizon.ts';

export interface NodeIdentity {
  readonly certificate: Certificate;
  readonly chain: readonly Certificate[];
  /** Of the private key beside it; undefined when there is none. */
  readonly keyPin: Pin | undefined;
}

export interface NodeTrustFacts {
  readonly purpose: Purpose;
  readonly version: number;
  /** As `trust status` names them; empty when all is well. */
  readonly problems: readonly string[];
}

export interface NodeFacts {
  /** What findings name it by: its directory. */
  readonly where: string;
  /** undefined before the node joined. */
  readonly identity: NodeIdentity | undefined;
  /** Anchors in the PEM files. */
  readonly anchors: Readonly<Record<Purpose, readonly Certificate[]>>;
  readonly trust: readonly NodeTrustFacts[];
  /** Both PEM files are one file. */
  readonly onePemFile: boolean;
  readonly holdsToken: boolean;
  /** When a key that waits for its certificate was made. */
  readonly pendingSince: Instant | undefined;
}

export function judgeNode(facts: NodeFacts, now: Instant, verifySignature: VerifySignature, horizon?: Horizon): Finding[] {
  const { identity, where } = facts;
  const own = identity === undefined ? judgeUnjoined(facts) : judgeIdentity(facts, identity, now, verifySignature, horizon);
  return [
    ...own,
    ...judgeSeparation(facts, verifySignature),
    ...facts.trust.flatMap((trust) => judgeNodeTrust(where, trust)),
    ...judgePending(facts, now),
  ];
}

function judgeUnjoined({ where, holdsToken }: NodeFacts): Finding[] {
  const what = `expected an identity of the node, found ${holdsToken ? 'a join token that was not used yet' : 'none, and no join token'}`;
  return [{ code: 'node-identity', severity: 'warn', where, what, next: 'join it: joinery node join' }];
}

function judgeIdentity(
  { where, anchors, holdsToken }: NodeFacts,
  { certificate, chain, keyPin }: NodeIdentity,
  now: Instant,
  verifySignature: VerifySignature,
  horizon: Horizon = { warn: Number.POSITIVE_INFINITY, critical: Number.POSITIVE_INFINITY },
): Finding[] {
  const { notBefore: from, notAfter: until } = certificate;
  const next = 'look at its renewal: joinery node status, joinery node renew';
  const findings = judgeEnding({ code: 'node-renewal', where, what: 'certificate of the node', from, until, next, horizon }, now);
  if (keyPin !== certificate.pin) {
    const what = `expected the private key of the certificate beside it, found ${keyPin === undefined ? 'none' : 'another one'}`;
    findings.push({ code: 'key-mismatch', severity: 'critical', where, what, next: 'join the node again: joinery node join' });
  }
  // Judged as of a moment when the certificate held: that it has ended is said above.
  const at = Math.max(Math.min(now, until), from) as Instant;
  const path = validatePath({ leaf: certificate, intermediates: chain, anchors: anchors['node-cert-lifecycle'], at, verifySignature });
  if (!path.ok) {
    const what = `expected a certification path to an anchor of node-cert-lifecycle, found: ${path.reason}`;
    findings.push({
      code: 'node-chain',
      severity: 'critical',
      where,
      what,
      next: 'compare its trust bundle with joinery trust list; update it, or join again',
    });
  }
  if (holdsToken) {
    const what = 'expected no join token on a node that has joined, found one';
    findings.push({
      code: 'node-token',
      severity: 'warn',
      where: `${where}/secrets/join-token`,
      what,
      next: 'remove it; it is no use to the node any more',
    });
  }
  return findings;
}

function judgeSeparation({ where, anchors, onePemFile }: NodeFacts, verifySignature: VerifySignature): Finding[] {
  const next = 'give each purpose its own: joinery trust apply with the documents of each';
  if (onePemFile) {
    const what = 'expected a trust file of its own for each purpose, found one file under both names';
    return [{ code: 'trust-shared', severity: 'critical', where: `${where}/trust`, what, next }];
  }
  return sharedAnchors(anchors['control-plane-https'], anchors['node-cert-lifecycle'], verifySignature).map(({ anchor, how }) => {
    const what = `expected no anchor in common between the two purposes, found ${anchor.subject.text}: ${how}`;
    return { code: 'trust-shared', severity: 'critical', where: `${where}/trust`, what, next };
  });
}

/** What `trust status` calls a problem, how bad it is, and what it means. */
const TRUST_PROBLEMS: Readonly<Record<string, Pick<Finding, 'code' | 'severity' | 'what' | 'next'>>> = {
  expired: {
    code: 'trust-expiry',
    severity: 'warn',
    what: 'the trust manifest has expired; it stays in use',
    next: 'bring the newest one: joinery trust apply',
  },
  'file-changed': {
    code: 'trust-changed',
    severity: 'critical',
    what: 'the trust file is not the one of its manifest',
    next: 'look who changed it; joinery trust apply writes it again',
  },
  'anchor-expired': {
    code: 'anchor-expiry',
    severity: 'warn',
    what: 'a trust anchor in the file has ended',
    next: 'bring the newest version: joinery trust apply',
  },
  'clock-behind': {
    code: 'clock-behind',
    severity: 'critical',
    what: 'the clock is behind the last change of trust',
    next: 'set the clock of the node',
  },
};

function judgeNodeTrust(where: string, { purpose, version, problems }: NodeTrustFacts): Finding[] {
  return problems.flatMap((problem) => {
    const known = TRUST_PROBLEMS[problem];
    return known === undefined ? [] : [{ ...known, where: `${where}, ${purpose} version ${version}` }];
  });
}

const PENDING = 3600;

function judgePending({ where, pendingSince }: NodeFacts, now: Instant): Finding[] {
  if (pendingSince === undefined || now - pendingSince < PENDING) return [];
  const what = `expected no key that waits for its certificate for more than an hour, found one since ${formatDuration(now - pendingSince)}`;
  return [
    {
      code: 'node-pending',
      severity: 'warn',
      where: `${where}/pending`,
      what,
      next: 'run joinery node join or renew again: it asks with the same key',
    },
  ];
}

/** What one node shares with no other, and what it should share with all. */
export function judgeFleet(nodes: readonly NodeFacts[]): Finding[] {
  const pins = nodes.map(({ identity }) => identity?.certificate.pin);
  const names = nodes.map(({ identity }) => identity?.certificate && identityOf(identity.certificate));
  return [
    ...duplicates(nodes, pins).map(([where, other]): Finding => {
      const what = `expected a private key of its own, found the one of ${other}: who copied the machine copied its key`;
      return { code: 'fleet-key', severity: 'critical', where, what, next: 'revoke both, and let each join anew with a key of its own' };
    }),
    ...duplicates(nodes, names, pins).map(([where, other]): Finding => {
      const what = `expected an identity of its own, found the one of ${other} under another key`;
      return { code: 'fleet-identity', severity: 'critical', where, what, next: 'find out which one is genuine, and revoke the other' };
    }),
    ...behind(nodes),
  ];
}

function identityOf(certificate: Certificate): string {
  return certificate.extensions.subjectAltName?.map((name) => generalNameText(name)).join() ?? certificate.subject.text;
}

/** Each later node with the first one that has the same value; pairs with the same `except` are left out. */
function duplicates(
  nodes: readonly NodeFacts[],
  values: readonly (string | undefined)[],
  except?: readonly (string | undefined)[],
): [string, string][] {
  const first = new Map<string, number>();
  return nodes.flatMap(({ where }, index): [string, string][] => {
    const value = values[index];
    if (value === undefined) return [];
    const earlier = first.get(value);
    if (earlier === undefined) first.set(value, index);
    if (earlier === undefined || (except !== undefined && except[earlier] === except[index])) return [];
    return [[where, (nodes[earlier] as NodeFacts).where]];
  });
}

function behind(nodes: readonly NodeFacts[]): Finding[] {
  const newest = new Map<Purpose, number>();
  for (const { purpose, version } of nodes.flatMap(({ trust }) => trust)) newest.set(purpose, Math.max(version, newest.get(purpose) ?? 0));
  return nodes.flatMap(({ where, trust }) =>
    trust.flatMap(({ purpose, version }): Finding[] => {
      const latest = newest.get(purpose) as number;
      if (version === latest) return [];
      const what = `expected version ${latest} of ${purpose}, which others have, found version ${version}`;
      return [{ code: 'fleet-trust', severity: 'warn', where, what, next: 'bring it up: joinery trust apply' }];
    }),
  );
}
