/** Opens the service that answers requests, without a server around it. */
import { parseYaml } from '../adapters/config-file.ts';
import { enrollOffline, type OfflineEnrollment } from '../app/enroll-offline.ts';
import { openJoinService } from '../app/join-service.ts';
import { openPolicies } from '../app/load-policy.ts';
import type { Realm } from '../app/realm.ts';
import { flushRefusals } from '../app/refusals.ts';
import { realmAttestors } from './attestation.ts';
import type { CarriedFile } from './offline-files.ts';
import { systemProviders } from './providers.ts';

/** @throws ERR_POLICY_*, ERR_FILE_*, ERR_STORE_* */
export async function enrollFiles(realm: Realm, requests: readonly CarriedFile[], out: string): Promise<readonly OfflineEnrollment[]> {
  const service = openJoinService(realm, {
    policies: await openPolicies(realm, parseYaml),
    attestors: await realmAttestors(realm),
    openProvider: systemProviders(realm.directory),
  });
  try {
    return await enrollOffline(service, requests, out);
  } finally {
    // Requests whose token was not authentic are counted: this run is over, so is their minute.
    await flushRefusals(service, true);
    service.close();
  }
}
