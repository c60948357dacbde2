/** What leaves the realm of a trust bundle: activated versions only, in order. */
import { canonicalJson, type JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { chainDocument } from '../core/trust/chain.ts';
import type { WritePkcs12 } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Envelope } from '../core/trust/envelope.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { spiffeBundle, spiffeBundleMap } from '../core/trust/spiffe.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';
import { readVersion, type StoredVersion } from './trust-records.ts';

export const TRUST_FORMATS = ['chain', 'pem', 'sha256sum', 'spiffe', 'spiffe-map'] as const;
export type TrustFormat = (typeof TRUST_FORMATS)[number];

export interface ExportedTrust {
  readonly text: string;
  /** The newest version in it. */
  readonly version: number;
  /** Of the first manifest of a chain: what a node without trust asks for. */
  readonly firstDigest: string;
  /** A name for the file. */
  readonly name: string;
}

/** @throws ERR_TRUST_NOT_ACTIVATED, ERR_KEY_MALFORMED for an anchor's key that SPIFFE's JWK cannot say */
export async function exportTrust(realm: Realm, purpose: Purpose, format: TrustFormat): Promise<ExportedTrust> {
  const { signed } = await activeTrust(realm, purpose);
  const { bundle_pem: pem, sha256_fingerprint: fingerprint, trust_bundle_version: version } = signed.manifest;
  const chain = await activatedVersions(realm, purpose);
  const json = (document: JsonObject) => `${canonicalJson(document)}\n`;
  const spiffe = () => spiffeBundle(signed.anchors, version);
  const writers: Readonly<Record<TrustFormat, readonly [name: string, write: () => string]>> = {
    chain: [
      `${purpose}.chain.json`,
      () => json(chainDocument(chain.map(({ record }) => ({ manifest: record.envelope, activation: record.activation as Envelope })))),
    ],
    pem: [`${purpose}.pem`, () => pem],
    sha256sum: [`${purpose}.pem.sha256`, () => `${fingerprint}  ${purpose}.pem\n`],
    spiffe: [`${purpose}.spiffe.json`, () => json(spiffe())],
    'spiffe-map': [`${purpose}.spiffe-map.json`, () => json(spiffeBundleMap({ [realm.config.trust_domain]: spiffe() }))],
  };
  const [name, write] = writers[format];
  return { text: write(), version, firstDigest: (chain[0] as StoredVersion).signed.digest, name };
}

/** The activated versions that lead to the active one, oldest first. @throws ERR_TRUST_NOT_ACTIVATED, ERR_REALM_MALFORMED */
export async function activatedVersions<P extends Purpose>(realm: Realm, purpose: P): Promise<readonly StoredVersion<P>[]> {
  const { signed } = await activeTrust(realm, purpose);
  const chain: StoredVersion<P>[] = [];
  for (let version: number | undefined = signed.manifest.trust_bundle_version; version !== undefined;) {
    const stored: StoredVersion<P> = await readVersion(realm, purpose, version);
    if (stored.record.activation === undefined) {
      throw new JoineryError('ERR_REALM_MALFORMED', `state.db: expected an activation of ${purpose} version ${version}, found none`);
    }
    chain.unshift(stored);
    version = stored.signed.manifest.replaces_version;
  }
  return chain;
}

/** The active anchors as a PKCS #12 trust store, as Java reads it. @throws ERR_TRUST_NOT_ACTIVATED */
export async function exportTrustStore(
  realm: Realm,
  request: { readonly purpose: Purpose; readonly password: Secret; readonly write: WritePkcs12 },
): Promise<{ readonly bytes: Uint8Array; readonly version: number }> {
  const { purpose, password, write } = request;
  const { signed } = await activeTrust(realm, purpose);
  const bytes = await write({ certificates: signed.anchors.map(({ der }) => der), friendlyName: purpose, password });
  return { bytes, version: signed.manifest.trust_bundle_version };
}
