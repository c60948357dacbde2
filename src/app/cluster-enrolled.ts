/** Nodes that were given a shared certificate for the secret of a token: `cluster-enrolled/<cluster>/<node>`. */
import { integer, object, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { Realm } from './realm.ts';

const enrolled = object({
  node: string({ maxLength: 63 }),
  /** Where the node says that it is reached. */
  address: string({ maxLength: 300 }),
  /** The newest time. */
  at: integer(),
  /** Of the cluster's state that it was given. */
  sequence: integer(),
  serial: string({ maxLength: 40 }),
});

export type EnrolledMember = Parsed<typeof enrolled>;

const prefixOf = (cluster: string): string => `cluster-enrolled/${cluster}/`;
export const enrolledKey = (cluster: string, node: string): string => `${prefixOf(cluster)}${node}`;

/** The first 1000 by name. @throws ERR_REALM_MALFORMED */
export async function listEnrolled({ store }: Pick<Realm, 'store'>, cluster: string): Promise<readonly EnrolledMember[]> {
  const entries = await store.list(prefixOf(cluster));
  return entries.map(({ key, value }) => parseDocument(enrolled, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED'));
}
