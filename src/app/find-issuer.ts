/** Which authority issues for a server or its nodes where the configuration names none. */
import { JoineryError } from '../core/errors.ts';
import type { Phase } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { type CertificateAuthority, readCas } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import type { Realm } from './realm.ts';
import { readActive } from './trust-records.ts';

/**
 * In a grace window nodes hold the old version or the new one: both know the anchor that is phasing out, only one the anchor that is
 * phasing in.
 */
const PREFERRED: readonly Phase[] = ['active', 'phasing-out', 'phasing-in'];

/**
 * The newest of {@link issuersUnder}: after a rotation of the anchors it is one under the new root, without a word in the configuration.
 * @param member what names it in the configuration, for the hint. @throws ERR_SERVER_ISSUER
 */
export async function findIssuer(realm: Realm, purpose: Purpose, member: string): Promise<CertificateAuthority> {
  const [first, ...others] = await issuersUnder(realm, purpose);
  if (first !== undefined) return others.reduce((best, ca) => (ca.record.created_at >= best.record.created_at ? ca : best), first);
  throw new JoineryError('ERR_SERVER_ISSUER', `${member}: expected an online authority under an active anchor of ${purpose}, found none`, {
    hint: `joinery ca create NAME --parent ROOT makes one; or name one as ${member} in joinery.yaml`,
  });
}

/** The authorities with an online key that may issue now, under the anchors of the purpose that most nodes know already. */
async function issuersUnder(realm: Realm, purpose: Purpose): Promise<readonly CertificateAuthority[]> {
  const active = (await readActive(realm, purpose)).value;
  const phases = new Map((active?.signed.manifest.anchors ?? []).map(({ spki_pin, phase }) => [spki_pin as string, phase]));
  const found = new Map<Phase, CertificateAuthority[]>();
  for (const ca of await readCas(realm)) {
    if (!mayIssue(realm, ca)) continue;
    const root = (await caChain(realm, ca.record.name)).at(-1) as CertificateAuthority;
    const phase = phases.get(root.certificate.pin);
    if (phase !== undefined) found.set(phase, [...(found.get(phase) ?? []), ca]);
  }
  return PREFERRED.map((phase) => found.get(phase)).find((cas) => cas !== undefined) ?? [];
}

function mayIssue({ clock }: Realm, { record, certificate }: CertificateAuthority): boolean {
  const now = clock.now();
  return record.key?.custody === 'online' && record.revoked === undefined && certificate.notBefore <= now && now < certificate.notAfter;
}
