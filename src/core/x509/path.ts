/**
 * Certification paths (RFC 5280 section 6, RFC 4158): builds them over a pool of certificates, in any order, with loops and many
 * authorities of one name, in bounded work; and judges them. Stricter than RFC 5280's algorithm, as conforming authorities must be:
 * serial numbers, key identifiers, critical nameConstraints, dNSName syntax, strong keys; the anchor is a certificate and is judged too.
 * The profile `rfc5280` is that algorithm and no more, except strong keys and signatures.
 */
import { equalBytes } from '../encoding.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { type Certificate, isSignedBy } from './certificate.ts';
import type { RevocationList } from './crl.ts';
import type { ReferenceIdentity } from './identity.ts';
import { equalNames, nameKey } from './names.ts';
import { type PathFault, type PathProfile } from './path-rules.ts';
import { type PathDemands, pathViolation, type PlacedFinding } from './path-validation.ts';
import type { PolicyInputs } from './policy-graph.ts';
import { revocationViolation } from './revocation.ts';

export interface PathRequest {
  readonly leaf: Certificate;
  /** The pool, in any order; what does not fit is not used. */
  readonly intermediates: readonly Certificate[];
  /** Authorities that are trusted, self-signed or not. */
  readonly anchors: readonly Certificate[];
  readonly at: Instant;
  readonly verifySignature: VerifySignature;
  /** Object identifier of a key purpose, as OID.serverAuth. */
  readonly purpose?: string | undefined;
  /** Each must be in the leaf's subjectAltName. */
  readonly identities?: readonly ReferenceIdentity[] | undefined;
  /** When given, every certificate but the anchor needs a list that is good and does not name it. */
  readonly crls?: readonly RevocationList[] | undefined;
  /** `if-available`: a certificate without any usable list passes. Default `required`. */
  readonly revocation?: 'required' | 'if-available' | undefined;
  readonly policies?: PolicyInputs | undefined;
  /** Most authorities between leaf and anchor that are not self-issued. Default 128. */
  readonly maxIntermediates?: number | undefined;
  /** Default `strict`. */
  readonly profile?: PathProfile | undefined;
}

export type PathResult =
  | { readonly ok: true; /** From the leaf to the anchor. */ readonly path: readonly Certificate[] }
  | {
      readonly ok: false;
      readonly code: PathFault;
      readonly reason: string;
      /** The certificate that broke the rule. */
      readonly certificate: Certificate;
      /** The path that came furthest, from the leaf on. */
      readonly path: readonly Certificate[];
    };

const DEFAULT_INTERMEDIATES = 128;
/** Self-issued ones too. */
const MAX_LENGTH = 256;
/** What one request may cost: real pools need less than a hundredth. */
const LIMITS = { signatures: 12_000, candidates: 20_000, paths: 500 };
/** Signers of lists that need a path of their own, and how many of them may stand on each other. */
const MAX_SIGNERS = 50;
const MAX_SIGNER_DEPTH = 3;

interface Search {
  readonly request: PathRequest;
  readonly demands: PathDemands;
  readonly issuers: ReadonlyMap<string, readonly Certificate[]>;
  readonly anchors: ReadonlySet<Certificate>;
  readonly signatures: Map<string, boolean>;
  readonly spent: { signatures: number; candidates: number; paths: number; signers: number };
  /** Who is being judged as signer of a revocation list, so that lists do not vouch for each other in a circle. */
  readonly signers: ReadonlySet<string>;
  best: { finding: PlacedFinding; path: readonly Certificate[] } | undefined;
}

/** Finds a path from the leaf to an anchor that keeps every rule, or says what stopped the one that came furthest. */
export function validatePath(request: PathRequest): PathResult {
  return searchPath(request, {
    signatures: new Map(),
    spent: { signatures: 0, candidates: 0, paths: 0, signers: 0 },
    signers: new Set(),
  });
}

/** What a search shares with the searches for signers of lists that it starts: all of them together are bounded. */
type Shared = Pick<Search, 'signatures' | 'spent' | 'signers'>;

function searchPath(request: PathRequest, shared: Shared): PathResult {
  const search = newSearch(request, shared);
  const { leaf } = request;
  const path = extend(search, [leaf]);
  if (path !== undefined) return { ok: true, path };
  const exhausted = isExhausted(search);
  const missing: PlacedFinding = { fault: 'no-anchor', reason: 'expected a path to a trust anchor, found none', certificate: leaf };
  const best = search.best ?? { finding: missing, path: [leaf] };
  if (!exhausted)
    return { ok: false, code: best.finding.fault, reason: best.finding.reason, certificate: best.finding.certificate, path: best.path };
  return {
    ok: false,
    code: 'budget',
    reason: 'expected a path within bounded work, found too many candidates',
    certificate: leaf,
    path: best.path,
  };
}

function newSearch(request: PathRequest, shared: Shared): Search {
  const issuers = new Map<string, Certificate[]>();
  // Anchors first: the shortest path is the likeliest.
  for (const certificate of unique([...request.anchors, ...request.intermediates])) {
    const key = nameKey(certificate.subject);
    const known = issuers.get(key);
    if (known === undefined) issuers.set(key, [certificate]);
    else known.push(certificate);
  }
  const { at, profile = 'strict', purpose, identities = [], policies } = request;
  return {
    request,
    demands: { at, profile, purpose, identities, policies, revocation: request.crls !== undefined },
    issuers,
    anchors: new Set(request.anchors),
    signatures: shared.signatures,
    spent: shared.spent,
    signers: shared.signers,
    best: undefined,
  };
}

function unique(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.toReversed().map((certificate) => [certificate.fingerprint, certificate])).values()].toReversed();
}

function isExhausted({ spent }: Search): boolean {
  return spent.signatures >= LIMITS.signatures || spent.candidates >= LIMITS.candidates || spent.paths >= LIMITS.paths;
}

/** Depth first: every issuer of the last certificate, until one leads to an anchor by a path that holds. */
function extend(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  const last = path.at(-1) as Certificate;
  const issuers = candidates(search, last);
  if (issuers.length === 0) {
    const reason = `expected a certificate of its issuer ${last.issuer.text} among anchors and intermediates, found none`;
    note(search, { fault: 'no-anchor', reason, certificate: last }, path);
  }
  for (const issuer of issuers) {
    search.spent.candidates += 1;
    if (isExhausted(search)) return undefined;
    const complete = step(search, path, last, issuer);
    if (complete !== undefined) return complete;
  }
  return undefined;
}

function step(search: Search, path: readonly Certificate[], last: Certificate, issuer: Certificate): readonly Certificate[] | undefined {
  const anchor = search.anchors.has(issuer);
  if (!anchor && !mayExtend(search, path, issuer)) return undefined;
  const longer = [...path, issuer];
  if (!isSigned(search, last, issuer)) {
    const known = last.signatureAlgorithm !== undefined;
    const reason = known
      ? `expected a signature by ${issuer.subject.text}, found another`
      : `expected a signature with SHA-2 or an Edwards curve, found algorithm ${last.algorithm.oid}`;
    note(search, { fault: known ? 'signature' : 'algorithm', reason, certificate: last }, path);
    return undefined;
  }
  return anchor ? judge(search, longer) : extend(search, longer);
}

/** Issuers by name, those that the key identifier points at first (a hint: RFC 4158 section 3.5.12). */
function candidates({ issuers }: Search, certificate: Certificate): readonly Certificate[] {
  const named = issuers.get(nameKey(certificate.issuer)) ?? [];
  const wanted = certificate.extensions.authorityKeyIdentifier?.keyIdentifier;
  const hinted = (issuer: Certificate): boolean => {
    const own = issuer.extensions.subjectKeyIdentifier;
    return wanted === undefined || own === undefined || equalBytes(wanted, own);
  };
  return [...named.filter(hinted), ...named.filter((issuer) => !hinted(issuer))];
}

/** RFC 4158 section 5.2: no name with the same key twice, and a bounded length. */
function mayExtend(search: Search, path: readonly Certificate[], issuer: Certificate): boolean {
  const authorities = [...path.slice(1), issuer].filter((certificate) => !certificate.selfIssued);
  const most = search.request.maxIntermediates ?? DEFAULT_INTERMEDIATES;
  if (path.length >= MAX_LENGTH || authorities.length > most) {
    note(
      search,
      { fault: 'path-length', reason: `expected at most ${most} authorities below the anchor, found more`, certificate: issuer },
      path,
    );
    return false;
  }
  return !path.some((certificate) => equalNames(certificate.subject, issuer.subject) && equalBytes(certificate.spki, issuer.spki));
}

function isSigned(search: Search, certificate: Certificate, issuer: Certificate): boolean {
  const key = `${certificate.fingerprint}/${issuer.pin}`;
  const known = search.signatures.get(key);
  if (known !== undefined) return known;
  search.spent.signatures += 1;
  const holds = isSignedBy(certificate, issuer.spki, search.request.verifySignature);
  search.signatures.set(key, holds);
  return holds;
}

function judge(search: Search, path: readonly Certificate[]): readonly Certificate[] | undefined {
  search.spent.paths += 1;
  const finding = pathViolation(path, search.demands) ?? revocation(search, path);
  if (finding === undefined) return path;
  note(search, finding, path);
  return undefined;
}

/** Remembers what stopped the longest path: the first of its length, because anchors and hints come first. */
function note(search: Search, finding: PlacedFinding, path: readonly Certificate[]): void {
  const better = search.best === undefined || path.length > search.best.path.length;
  if (better) search.best = { finding, path };
}

function revocation(search: Search, path: readonly Certificate[]): PlacedFinding | undefined {
  const { crls, revocation: mode = 'required', intermediates, anchors, verifySignature, at, profile } = search.request;
  if (crls === undefined) return undefined;
  return revocationViolation(path, {
    crls,
    at,
    required: mode === 'required',
    urisOnly: profile === 'web',
    verifySignature,
    candidates: [...path.slice(1), ...intermediates, ...anchors],
    // RFC 5280 section 6.3.3 (f): the signer of a list has a path of its own to the same anchor.
    isTrusted: (signer) => {
      search.spent.signers += 1;
      if (search.signers.has(signer.fingerprint) || search.signers.size >= MAX_SIGNER_DEPTH || search.spent.signers > MAX_SIGNERS)
        return false;
      const { purpose: _, identities: __, ...rest } = search.request;
      const signers = new Set([...search.signers, signer.fingerprint]);
      return searchPath({ ...rest, leaf: signer, anchors: [path.at(-1) as Certificate] }, { ...search, signers }).ok;
    },
  });
}
