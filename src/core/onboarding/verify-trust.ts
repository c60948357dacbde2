/** What the trust inside a package proves, and who signed what lies around it: the same for one package and for many. */
import { canonicalJson, type JsonValue } from '../canonical-json.ts';
import type { Digest } from '../digest.ts';
import { decodeUtf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { assertThreshold, type EnvelopeType, openEnvelope } from '../trust/envelope.ts';
import { type Purpose, PURPOSES } from '../trust/purpose.ts';
import { assertSeparate } from '../trust/separation.ts';
import { assertNotExpired } from '../trust/transition.ts';
import { type Passed, passed, warned } from './checklist.ts';
import { readTrustFile } from './inspect.ts';
import type { TrustPart, TrustParts } from './model.ts';
import type { PackageTrust } from './trust.ts';
import type { Gunzip } from './limits.ts';
import { malformedPackage } from './verify-files.ts';

export interface VerifyOptions {
  readonly now: Instant;
  readonly verifySignature: VerifySignature;
  readonly gunzip: Gunzip;
  /** Digests of control-plane-https manifests that are known from another channel to be genuine; none: not compared. */
  readonly knownDigests: readonly Digest[];
  /** For a file system without modes (FAT): differences are a warning. */
  readonly ignoreModes: boolean;
}

export const TRUST_CHECKS = ['trust-separate', 'trust-expiry', 'first-trust', 'signature'] as const;

/** A checklist with these rows, whatever others it has. */
interface TrustRows {
  run<T>(check: (typeof TRUST_CHECKS)[number], work: () => Passed<T>): T | undefined;
}

/** The four rows after the manifests of trust themselves. */
export function checkTrustRows(
  list: TrustRows,
  { 'control-plane-https': https, 'node-cert-lifecycle': nodeCert }: PackageTrust,
  { verifySignature: verify, now, knownDigests }: VerifyOptions,
  signature: () => Passed<true>,
): void {
  list.run('trust-separate', () => {
    const reason = https.manifest.shared_anchor_reason ?? nodeCert.manifest.shared_anchor_reason;
    assertSeparate(
      { purpose: 'control-plane-https', anchors: https.anchors },
      { purpose: 'node-cert-lifecycle', anchors: nodeCert.anchors },
      reason,
      verify,
    );
    return reason === undefined ? passed('no anchor in common') : warned(`shared on purpose: ${reason}`);
  });
  list.run('trust-expiry', () => {
    for (const { manifest } of [https, nodeCert]) assertNotExpired(manifest, now, manifest.purpose);
    return passed(`until ${https.manifest.expires_at} and ${nodeCert.manifest.expires_at}`);
  });
  list.run('first-trust', () => checkFirstTrust(https.digest, knownDigests));
  list.run('signature', signature);
}

export function describeTrust(trust: PackageTrust): string {
  const versions = PURPOSES.map((purpose) => `${purpose} version ${trust[purpose].manifest.trust_bundle_version}`);
  return `${versions.join(', ')}: signed and activated`;
}

function checkFirstTrust(digest: Digest, known: readonly Digest[]): Passed<true> {
  if (known.length === 0) return warned(`not compared: ask the operator whether the digest is ${digest}, or give --trust-digest`);
  if (known.includes(digest)) return passed(digest);
  throw new JoineryError('ERR_TRUST_FIRST_DIGEST', `first trust: expected the digest ${known.at(-1)}, found ${digest}`);
}

export interface SignedDocument {
  readonly envelope: JsonValue;
  /** Names the file of the envelope. */
  readonly what: string;
  readonly type: EnvelopeType;
  readonly document: JsonValue;
}

/**
 * One signer of the first trust is enough: a package is made for each node, while a threshold's keys may lie on machines far apart.
 * @throws ERR_PACKAGE_MALFORMED, ERR_TRUST_SIGNER_UNKNOWN and what opening an envelope throws
 */
export function checkSignature(
  { envelope, what, type, document }: SignedDocument,
  trust: PackageTrust,
  verify: VerifySignature,
): Passed<true> {
  const { manifest } = trust['control-plane-https'];
  const opened = openEnvelope(envelope, type, what);
  if (canonicalJson(opened.payload) !== canonicalJson(document))
    throw malformedPackage(`${what}: expected the signature of the manifest beside it, found that of another document`);
  assertThreshold(opened, { signers: manifest.signers, min_signatures: 1 }, verify, what, 'the signers of the first trust');
  return passed(`by a signer of control-plane-https version ${manifest.trust_bundle_version}`);
}

/** @param bytesOf the files of `trust/`. @throws ERR_TRUST_ENVELOPE_MALFORMED, ERR_PACKAGE_MALFORMED and the errors of strict JSON */
export function readTrustParts(bytesOf: (path: string) => Uint8Array): TrustParts {
  const text = (path: string) => decodeUtf8(bytesOf(path), path);
  const part = (purpose: Purpose): TrustPart => ({
    bundlePem: text(`trust/${purpose}.pem`),
    signed: readTrustFile(text(`trust/${purpose}.manifest.json`), `trust/${purpose}.manifest.json`),
  });
  return { 'control-plane-https': part('control-plane-https'), 'node-cert-lifecycle': part('node-cert-lifecycle') };
}
