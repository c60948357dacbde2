/** Keeps the revocation lists of online authorities fresh, so that whoever asks for one makes nobody sign. */
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import { type CertificateAuthority, readCas } from './ca-records.ts';
import { issueCrl, type IssueCrlResult, readLast } from './issue-crl.ts';
import type { Realm } from './realm.ts';
import { parseRevocation, revocationPrefix } from './revoke-certificate.ts';
import { storePages } from './store-pages.ts';

export interface RefreshedCrls {
  readonly issued: readonly IssueCrlResult[];
  /** Authorities whose list could not be made, and why: the next round tries again. */
  readonly failed: readonly { readonly name: string; readonly error: JoineryError }[];
}

/**
 * Issues the list of every online authority that has none, whose list has lived half its life, or that revoked something since.
 * @param changed authorities that are known to have revoked something; undefined: look at all of them.
 */
export async function refreshCrls(realm: Realm, changed?: ReadonlySet<string>): Promise<RefreshedCrls> {
  const issued: IssueCrlResult[] = [];
  const failed: { name: string; error: JoineryError }[] = [];
  for (const ca of await readCas(realm)) {
    const { name } = ca.record;
    if (!maySign(realm, ca)) continue;
    try {
      if (await isDue(realm, name, changed)) issued.push(await issueCrl(realm, { name }));
    } catch (error) {
      if (!isJoineryError(error)) throw error;
      failed.push({ name, error });
    }
  }
  return { issued, failed };
}

function maySign({ clock }: Realm, { record, certificate }: CertificateAuthority): boolean {
  const now = clock.now();
  const mayList = certificate.extensions.keyUsage?.has('cRLSign') !== false;
  return record.key?.custody === 'online' && mayList && certificate.notBefore <= now && now <= certificate.notAfter;
}

async function isDue(realm: Realm, name: string, changed: ReadonlySet<string> | undefined): Promise<boolean> {
  const now = realm.clock.now();
  const { thisUpdate, nextUpdate } = await readLast(realm, name, now);
  if (now >= thisUpdate + Math.floor((nextUpdate - thisUpdate) / 2)) return true;
  return changed === undefined ? revokedSince(realm, name, thisUpdate) : changed.has(name);
}

/** In the second of a list something may have been revoked after it: that counts as since. */
async function revokedSince({ store }: Realm, name: string, thisUpdate: number): Promise<boolean> {
  const prefix = revocationPrefix(name);
  for await (const page of storePages(store, prefix)) {
    if (page.some(({ key, value }) => parseRevocation(key, value).at >= thisUpdate)) return true;
  }
  return false;
}
