/** Shared cluster certificates in the store: `cluster/<name>`. */
import { type ClusterRecord, parseClusterRecord } from '../core/cluster/record.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { Store, StoreCheck, StoreEntry, StoreWrite } from '../core/ports.ts';
import type { Realm } from './realm.ts';
import { storePages } from './store-pages.ts';

const PREFIX = 'cluster/';
export const clusterKey = (clusterName: string): string => `${PREFIX}${clusterName}`;

export interface StoredCluster {
  readonly record: ClusterRecord;
  readonly check: StoreCheck;
}

function read({ key, value, version }: StoreEntry): StoredCluster {
  return { record: parseClusterRecord(value, `state.db, record ${key}`), check: { key, version } };
}

/** All clusters with a shared certificate, by name. @throws ERR_REALM_MALFORMED */
export async function readClusters({ store }: Pick<Realm, 'store'>): Promise<readonly StoredCluster[]> {
  const found: StoredCluster[] = [];
  for await (const page of storePages(store, PREFIX)) found.push(...page.map(read));
  return found;
}

/** The cluster of that name, if it has a shared certificate. @throws ERR_REALM_MALFORMED */
export async function findCluster(store: Store, clusterName: string): Promise<StoredCluster | undefined> {
  const key = clusterKey(clusterName);
  const entry = await store.get(key);
  return entry && read({ key, ...entry });
}

/** @param clusterName left out: the only one. @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_USAGE when there are several and none is named */
export async function readCluster(realm: Pick<Realm, 'store'>, clusterName: string | undefined): Promise<StoredCluster> {
  const clusters = await readClusters(realm);
  const fitting = clusters.filter(({ record }) => clusterName === undefined || record.name === clusterName);
  const [only, ...others] = fitting;
  const known = clusters.map(({ record }) => record.name);
  if (only === undefined) {
    throw new JoineryError(
      'ERR_CLUSTER_NOT_INITIALIZED',
      `cluster: expected one with a shared certificate, found ${clusterName ?? 'none'}${known.length === 0 ? '' : ` (known: ${known.join(', ')})`}`,
      { hint: 'joinery cluster init NAME makes one' },
    );
  }
  if (others.length === 0) return only;
  throw new JoineryError('ERR_USAGE', `--cluster: expected one of ${known.join(', ')}, found none named`);
}

export function clusterWrite(record: ClusterRecord): StoreWrite {
  return { key: clusterKey(record.name), value: record as unknown as JsonObject };
}
