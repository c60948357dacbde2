/** How a node gets from the version it trusts to the newest one it is offered, each step proved, whoever carried the documents. */
import type { Digest } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { readActivation } from './activation.ts';
import type { TrustVersion } from './chain.ts';
import { readManifest, type SignedManifest } from './manifest.ts';
import type { Purpose } from './purpose.ts';
import { assertEnvironment, assertNotExpired, assertSelfSigned, assertSuccessor } from './transition.ts';

/** A document from outside. */
export interface Offer {
  readonly version: TrustVersion;
  /** Names it in errors. */
  readonly what: string;
}

/** One version with both of its documents, as a node keeps it. */
export interface KnownVersion<P extends Purpose = Purpose> {
  readonly signed: SignedManifest<P>;
  readonly version: TrustVersion;
}

/** What a node trusts for one purpose. */
export interface NodeTrust<P extends Purpose = Purpose> {
  /** What its file holds. */
  readonly held: KnownVersion<P>;
  /** The highest version it ever accepted: never falls (TUF 5.3.5, rollback). */
  readonly floor: KnownVersion<P>;
  /** The version that `floor` replaced, where it is kept. */
  readonly previous?: KnownVersion<P> | undefined;
}

export interface WalkRequest<P extends Purpose> {
  readonly purpose: P;
  readonly offers: readonly Offer[];
  /** undefined on first contact. */
  readonly known: NodeTrust<P> | undefined;
  /** First trust: the digest of the first manifest, from another channel. */
  readonly firstDigest?: Digest | undefined;
  /** What the node was told of its environment; on first contact this is all that is known, later it counts beside what is held. */
  readonly environment?: { readonly environment_name?: string; readonly environment_domain?: string };
  readonly now: Instant;
  readonly verify: VerifySignature;
}

export interface MissingLink {
  /** The last good version. */
  readonly after: number;
  /** The version that is needed next, as the next offered one names it. */
  readonly version: number | undefined;
  readonly digest: Digest | undefined;
  /** The offered version that cannot be reached. */
  readonly before: number;
}

export interface Walk<P extends Purpose> {
  /** New versions in order; empty when the newest offered one is known. */
  readonly steps: readonly KnownVersion<P>[];
  readonly missing: MissingLink | undefined;
}

interface Candidate<P extends Purpose> extends KnownVersion<P> {
  readonly what: string;
}

/**
 * Walks N -> N+1 -> ... over the offers, in whatever order they come.
 * @throws ERR_TRUST_FIRST_DIGEST, ERR_TRUST_PURPOSE, ERR_TRUST_ENVIRONMENT, ERR_TRUST_VERSION_CHANGED, ERR_TRUST_FORK,
 *   ERR_TRUST_ROLLBACK, ERR_TRUST_EXPIRED and what reading and {@link assertSuccessor} throw. After a refusal nothing may be written.
 */
export function walkTrust<P extends Purpose>(request: WalkRequest<P>): Walk<P> {
  const { purpose, known, now, verify } = request;
  const candidates = readOffers(request);
  refuseForks(candidates);
  const steps: KnownVersion<P>[] = [];
  if (known === undefined) steps.push(firstStep(request, candidates));
  else refuseKnown(known, candidates);

  const byReplaced = new Map(candidates.map((candidate) => [candidate.signed.manifest.replaces_digest, candidate]));
  let current = steps[0] ?? (known as NodeTrust<P>).floor;
  for (let next = byReplaced.get(current.signed.digest); next !== undefined; next = byReplaced.get(current.signed.digest)) {
    assertSuccessor(current.signed, next.signed, verify, next.what);
    readActivation(next.version.activation, next.signed, verify, `${next.what}: activation`);
    steps.push(next);
    current = next;
  }
  // FORMATS 2: expiry is checked on the last manifest of a walk only; those before it are history.
  if (steps.length > 0) assertNotExpired(current.signed.manifest, now, purpose);
  return { steps, missing: missingLink(current.signed, candidates) };
}

function readOffers<P extends Purpose>({ purpose, offers, known, environment = {}, verify }: WalkRequest<P>): readonly Candidate<P>[] {
  const byDigest = new Map<Digest, Candidate<P>>();
  for (const { version, what } of offers) {
    const signed = readManifest(version.manifest, purpose, verify, what);
    const named = `${what}, version ${signed.manifest.trust_bundle_version}`;
    assertEnvironment(signed.manifest, environment, named);
    assertEnvironment(signed.manifest, known?.floor.signed.manifest ?? {}, named);
    byDigest.set(signed.digest, { signed, version, what: named });
  }
  return [...byDigest.values()].sort((a, b) => numberOf(a.signed) - numberOf(b.signed));
}

function numberOf(signed: SignedManifest): number {
  return signed.manifest.trust_bundle_version;
}

/** Two contents for one number, or two successors of one version: somebody tells two nodes two things. */
function refuseForks<P extends Purpose>(candidates: readonly Candidate<P>[]): void {
  const seen = new Map<string, Candidate<P>>();
  for (const candidate of candidates) {
    const { trust_bundle_version: version, replaces_digest: replaces } = candidate.signed.manifest;
    for (const place of [`version ${version}`, ...(replaces === undefined ? [] : [`a successor of ${replaces}`])]) {
      const other = seen.get(place);
      if (other !== undefined)
        throw new JoineryError('ERR_TRUST_FORK', `expected ${place} once, found it in ${other.what} and, different, in ${candidate.what}`);
      seen.set(place, candidate);
    }
  }
}

function firstStep<P extends Purpose>({ firstDigest, purpose, verify }: WalkRequest<P>, candidates: readonly Candidate<P>[]): Candidate<P> {
  const hint = 'the digest comes by another way than the document: from the onboarding package, the join token, or the operator';
  if (firstDigest === undefined) {
    throw new JoineryError('ERR_TRUST_FIRST_DIGEST', `${purpose}: expected the digest of the first manifest (--digest), found none`, {
      hint,
    });
  }
  const first = candidates.find((candidate) => candidate.signed.digest === firstDigest);
  if (first === undefined) {
    const found = candidates.map((candidate) => candidate.signed.digest);
    const message = `${purpose}: expected a manifest with digest ${firstDigest}, found ${found.length === 1 ? found.join('') : `${found.length} others`}`;
    throw new JoineryError('ERR_TRUST_FIRST_DIGEST', message, { hint, details: { expected: firstDigest } });
  }
  assertSelfSigned(first.signed, verify, first.what);
  readActivation(first.version.activation, first.signed, verify, `${first.what}: activation`);
  return first;
}

function refuseKnown<P extends Purpose>({ held, floor, previous }: NodeTrust<P>, candidates: readonly Candidate<P>[]): void {
  for (const { signed } of [held, floor, ...(previous ? [previous] : [])]) {
    const changed = candidates.find(
      (candidate) => numberOf(candidate.signed) === numberOf(signed) && candidate.signed.digest !== signed.digest,
    );
    if (changed !== undefined) {
      throw new JoineryError(
        'ERR_TRUST_VERSION_CHANGED',
        `${changed.what}: expected digest ${signed.digest}, as it is known here, found ${changed.signed.digest}`,
      );
    }
  }
  const newest = candidates.at(-1);
  if (newest !== undefined && numberOf(newest.signed) < numberOf(floor.signed)) {
    throw new JoineryError(
      'ERR_TRUST_ROLLBACK',
      `${newest.what}: expected version ${numberOf(floor.signed)} or higher, found nothing newer`,
      {
        hint: 'the operator rolls back by publishing a new version with older content',
        details: { floor: numberOf(floor.signed), newest: numberOf(newest.signed) },
      },
    );
  }
}

function missingLink<P extends Purpose>(current: SignedManifest<P>, candidates: readonly Candidate<P>[]): MissingLink | undefined {
  const unreached = candidates.find((candidate) => numberOf(candidate.signed) > numberOf(current));
  if (unreached === undefined) return undefined;
  const { replaces_version: version, replaces_digest: digest } = unreached.signed.manifest;
  return { after: numberOf(current), version, digest, before: numberOf(unreached.signed) };
}
