/** Publishes the next version of a trust bundle from authorities of the realm and from PEM texts. */
import { JoineryError } from '../core/errors.ts';
import { canonicalBundle, type PemText } from '../core/trust/bundle.ts';
import type { Phase } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { readCa } from './ca-records.ts';
import { type PublishedTrust, proposeVersion } from './propose-trust.ts';
import type { Realm } from './realm.ts';
import { auditingRefusal } from './trust-audit.ts';

export interface PublishTrust<P extends Purpose = Purpose> {
  readonly purpose: P;
  /** Names of authorities of the realm; they must be roots. */
  readonly cas: readonly string[];
  readonly pems: readonly PemText[];
  /** Seconds until the manifest expires. */
  readonly expires?: number | undefined;
  /** Seconds in which the anchors that are left out still stand. */
  readonly grace?: number | undefined;
  /** Phases of anchors, by name of an authority of the realm or by fingerprint, where they are not those that follow. */
  readonly phases?: readonly { readonly anchor: string; readonly phase: Phase }[] | undefined;
  readonly reason?: string | undefined;
  /** Why one anchor may serve both purposes. */
  readonly sharedAnchorReason?: string | undefined;
}

/** A year: a node that was off for a season still finds a valid version. */
export const DEFAULT_MANIFEST_LIFETIME = 31536000;

/**
 * @throws ERR_USAGE without an anchor, ERR_CA_NOT_FOUND, ERR_TRUST_PRIVATE_KEY, ERR_TRUST_NOT_ANCHOR, ERR_TRUST_ANCHOR_EXPIRED,
 *   ERR_TRUST_ANCHOR_SHARED (refusals are audited), ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function publishTrust<P extends Purpose>(realm: Realm, input: PublishTrust<P>): Promise<PublishedTrust> {
  const { purpose, expires = DEFAULT_MANIFEST_LIFETIME, grace, reason, sharedAnchorReason } = input;
  const event = 'bootstrap_trust.publish';
  return auditingRefusal(realm, event, purpose, {}, async () => {
    const anchors = await readAnchors(realm, input);
    const phases = await readPhases(realm, input);
    return proposeVersion(realm, { event, purpose, anchors, expires, grace, phases, reason, sharedAnchorReason });
  });
}

const FINGERPRINT = /^[0-9a-f]{64}$/;

async function readPhases(realm: Realm, { phases = [] }: PublishTrust): Promise<ReadonlyMap<string, Phase>> {
  const found = new Map<string, Phase>();
  for (const { anchor, phase } of phases) {
    found.set(FINGERPRINT.test(anchor) ? anchor : (await readCa(realm, anchor, '--phase')).certificate.fingerprint, phase);
  }
  return found;
}

/** The anchors that were asked for. @throws see {@link publishTrust} */
export async function readAnchors(realm: Realm, { cas, pems }: Pick<PublishTrust, 'cas' | 'pems'>): Promise<readonly Certificate[]> {
  const texts: PemText[] = [];
  for (const name of cas) texts.push({ text: (await readCa(realm, name, '--ca')).record.certificate_pem, what: `--ca ${name}` });
  texts.push(...pems);
  if (texts.length === 0) {
    throw new JoineryError('ERR_USAGE', 'expected at least one anchor, found neither --ca nor --pem', {
      hint: 'name an authority of the realm with --ca, or a PEM file with --pem',
    });
  }
  return canonicalBundle(texts, realm.verifySignature).anchors;
}
