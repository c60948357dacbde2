/** Writes the index of all trust versions of a realm. */
import type { JsonObject } from '../core/canonical-json.ts';
import { jwkThumbprint } from '../core/jwk.ts';
import { PURPOSES } from '../core/trust/purpose.ts';
import type { Realm } from './realm.ts';
import { listTrust, showTrust } from './show-trust.ts';

/** `joinery/trust-index/1`: the same history gives the same document. */
export async function trustIndex(realm: Realm): Promise<JsonObject> {
  const versions: JsonObject[] = [];
  for (const purpose of PURPOSES) {
    for (const summary of await listTrust(realm, purpose)) {
      const { manifest } = await showTrust(realm, purpose, summary.version);
      versions.push({
        purpose,
        version: summary.version,
        state: summary.state,
        manifest_digest: summary.digest,
        sha256_fingerprint: summary.fingerprint,
        published_at: summary.publishedAt,
        activated_at: summary.activatedAt,
        expires_at: summary.expiresAt,
        grace_until: summary.graceUntil,
        replaces_version: summary.replaces,
        anchors: manifest.anchors.map(({ fingerprint, phase }) => ({ fingerprint, phase })),
        signers: manifest.signers.map((jwk) => jwkThumbprint(jwk)),
        min_signatures: summary.minSignatures,
      });
    }
  }
  const { name: environment_name, domain: environment_domain } = realm.config.environment;
  return { schema: 'joinery/trust-index/1', environment_name, environment_domain, versions };
}
