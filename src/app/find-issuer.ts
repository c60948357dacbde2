/** Which authority issues for a server or its nodes where the configuration names none. */
import { JoineryError } from '../core/errors.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { type CertificateAuthority, readCas } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';

/**
 * The newest authority with an online key that may issue now and whose root is an active anchor of the purpose: after a rotation of the
 * anchors it is the one under the new root, without a word in the configuration.
 * @param member what names it in the configuration, for the hint.
 * @throws ERR_SERVER_ISSUER, ERR_TRUST_NOT_ACTIVATED
 */
export async function findIssuer(realm: Realm, purpose: Purpose, member: string): Promise<CertificateAuthority> {
  const { manifest } = (await activeTrust(realm, purpose)).signed;
  const anchors = new Set(manifest.anchors.filter(({ phase }) => phase === 'active').map(({ spki_pin }) => spki_pin as string));
  const now = realm.clock.now();
  let best: CertificateAuthority | undefined;
  for (const ca of await readCas(realm)) {
    const { record, certificate } = ca;
    if (record.key?.custody !== 'online' || record.revoked !== undefined) continue;
    if (certificate.notBefore > now || certificate.notAfter <= now) continue;
    const root = (await caChain(realm, record.name)).at(-1) as CertificateAuthority;
    if (anchors.has(root.certificate.pin) && (best === undefined || record.created_at >= best.record.created_at)) best = ca;
  }
  if (best !== undefined) return best;
  throw new JoineryError('ERR_SERVER_ISSUER', `${member}: expected an online authority under an active anchor of ${purpose}, found none`, {
    hint: `joinery ca create NAME --parent ROOT makes one; or name one as ${member} in joinery.yaml`,
  });
}
