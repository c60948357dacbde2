/** The state of the two trust purposes in a realm. */
import type { Instant } from '../time.ts';
import { instantOf, type SignedManifest } from '../trust/manifest.ts';
import type { Purpose } from '../trust/purpose.ts';
import { type SharedAnchor } from '../trust/separation.ts';
import type { Finding } from './finding.ts';
import { HORIZONS, judgeEnding } from './horizon.ts';
import type { Horizons } from './issuance.ts';

export interface TrustFacts {
  readonly purpose: Purpose;
  /** Number of the newest version; 0 when none was published. */
  readonly latest: number;
  readonly active: SignedManifest | undefined;
  readonly signers: { readonly required: number; readonly current: number; readonly online: number } | undefined;
}

export function judgeTrust(facts: TrustFacts, now: Instant, horizons: Horizons = HORIZONS): Finding[] {
  const { purpose, latest, active } = facts;
  if (active === undefined) return [...judgeInactive(purpose, latest), ...judgeSigners(facts)];
  return [...judgeManifest(purpose, active, now, horizons), ...judgeGrace(purpose, active, now), ...judgeSigners(facts)];
}

function judgeInactive(purpose: Purpose, latest: number): Finding[] {
  if (latest === 0) return [];
  const what = `expected an active version, found version ${latest} published and none active: no package can be rendered`;
  return [{ code: 'trust-inactive', severity: 'warn', where: purpose, what, next: `joinery trust activate --purpose ${purpose}` }];
}

function judgeManifest(purpose: Purpose, { manifest, anchors }: SignedManifest, now: Instant, horizons: Horizons): Finding[] {
  const where = `${purpose} version ${manifest.trust_bundle_version}`;
  const [from, until] = [instantOf(manifest.published_at), instantOf(manifest.expires_at)];
  const next = `publish the next version: joinery trust publish --purpose ${purpose}`;
  const own = judgeEnding({ code: 'trust-expiry', where, what: 'trust manifest', from, until, next, horizon: horizons.manifest }, now);
  const staying = anchors.filter((_, index) => manifest.anchors[index]?.phase !== 'phasing-out');
  const theirs = staying.flatMap(({ subject, notBefore, notAfter }) => {
    const ending = { code: 'anchor-expiry', where, what: `trust anchor ${subject.text}`, from: notBefore, until: notAfter } as const;
    return judgeEnding({ ...ending, next: 'bring its successor in: docs/guides/rotate-a-root.md', horizon: horizons.authority }, now);
  });
  return [...own, ...theirs];
}

function judgeGrace(purpose: Purpose, { manifest }: SignedManifest, now: Instant): Finding[] {
  const { grace_until: grace, anchors } = manifest;
  const isOver = anchors.some(({ phase }) => phase === 'phasing-out') && grace !== undefined && instantOf(grace) < now;
  if (!isOver) return [];
  const what = `expected no trust anchor on its way out after the grace window, found one; the window ended at ${grace}`;
  return [{ code: 'trust-grace', severity: 'warn', where: purpose, what, next: `joinery trust retire --purpose ${purpose}` }];
}

function judgeSigners({ purpose, signers }: TrustFacts): Finding[] {
  if (signers === undefined) return [];
  const { required, current, online } = signers;
  const findings: Finding[] = [];
  const where = `signers of ${purpose}`;
  if (current < required) {
    const what = `expected at least ${required} signers, found ${current}: no next version can be published`;
    findings.push({
      code: 'trust-threshold',
      severity: 'critical',
      where,
      what,
      next: 'joinery trust keys create, or joinery trust reset',
    });
  } else if (current === required) {
    const what = `expected a signer to spare, found exactly the ${required} that are needed: one lost key ends the chain`;
    findings.push({ code: 'trust-threshold', severity: 'warn', where, what, next: 'add a spare one: joinery trust keys create' });
  }
  if (online > 0) {
    const what = `expected signers offline, found ${online} among the online keys: who takes the server decides what nodes trust`;
    findings.push({
      code: 'key-online',
      severity: 'critical',
      where,
      what,
      next: 'rotate them to offline keys: joinery trust keys rotate',
    });
  }
  return findings;
}

/** @param reason why an anchor is shared on purpose. */
export function judgeShared(shared: readonly SharedAnchor[], reason: string | undefined): Finding[] {
  return shared.map(({ anchor, how }): Finding => {
    const what = `expected no anchor in common between the two purposes, found ${anchor.subject.text} (${anchor.fingerprint.slice(0, 16)}): ${how}`;
    const next = 'give each purpose a root of its own: docs/guides/rotate-a-root.md';
    const [severity, note] = reason === undefined ? (['critical', ''] as const) : (['info', `; recorded reason: ${reason}`] as const);
    return { code: 'trust-shared', severity, where: 'trust', what: what + note, next };
  });
}
