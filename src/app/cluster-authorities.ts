/** The authorities of shared cluster certificates, for servers that must show them. */
import type { Certificate } from '../core/x509/certificate.ts';
import { readCa } from './ca-records.ts';
import { readClusters } from './cluster-records.ts';
import type { Realm } from './realm.ts';

/** Those that members trust now, of all clusters: each once. @throws ERR_REALM_MALFORMED, ERR_CA_NOT_FOUND */
export async function clusterAuthorities(realm: Pick<Realm, 'store'>): Promise<readonly Certificate[]> {
  const found = new Map<string, Certificate>();
  for (const { record } of await readClusters(realm)) {
    for (const ca of record.authorities) found.set(ca, (await readCa(realm, ca, `authority of cluster ${record.name}`)).certificate);
  }
  return [...found.values()];
}
