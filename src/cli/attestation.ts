/** The attestors of a realm with the real network around them, and what changes of them while a server runs. */
import { httpsFetch } from '../adapters/https-fetch.ts';
import type { Attestor } from '../app/join-peer.ts';
import { openAttestors } from '../app/open-attestors.ts';
import type { Realm } from '../app/realm.ts';
import type { RealmConfig } from '../core/realm/config.ts';

export interface LiveAttestors {
  /** Follows {@link reload}. */
  readonly attestors: ReadonlyMap<string, Attestor>;
  /** Opens those of a configuration; when one of them cannot be, those of before stay. @throws as {@link openAttestors} */
  reload(config: RealmConfig): Promise<void>;
}

/** @param own attestors of an embedding service: they count before configured ones of the same name. */
export async function liveAttestors(realm: Realm, own: ReadonlyMap<string, Attestor> = new Map()): Promise<LiveAttestors> {
  const attestors = new Map<string, Attestor>();
  const reload = async (config: RealmConfig): Promise<void> => {
    const opened = await realmAttestors(realm, config);
    attestors.clear();
    for (const [name, attestor] of [...opened, ...own]) attestors.set(name, attestor);
  };
  await reload(realm.config);
  return { attestors, reload };
}

/** For one run: `package enroll`. */
export function realmAttestors(realm: Realm, config: RealmConfig = realm.config): Promise<ReadonlyMap<string, Attestor>> {
  return openAttestors({ ...realm, fetch: httpsFetch }, config);
}
