/** The authorities of a realm, and how they hang together. */
import { type CertificateAuthority, readCas } from './ca-records.ts';
import type { Realm } from './realm.ts';

/** All authorities, by name. */
export function listCas(realm: Pick<Realm, 'store'>): Promise<readonly CertificateAuthority[]> {
  return readCas(realm);
}

export interface CaNode {
  readonly ca: CertificateAuthority;
  readonly children: readonly CaNode[];
}

/** The authorities as trees: roots (and those whose parent is not in this realm) at the top, by name. */
export async function caTree(realm: Pick<Realm, 'store'>): Promise<readonly CaNode[]> {
  const all = await readCas(realm);
  const known = new Set(all.map((ca) => ca.record.name));
  const below = (parent: string | undefined): CaNode[] =>
    all
      .filter(({ record }) => (record.parent !== undefined && known.has(record.parent) ? record.parent : undefined) === parent)
      .map((ca) => ({ ca, children: below(ca.record.name) }));
  return below(undefined);
}
