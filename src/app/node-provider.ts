/** Who signs the certificates of a cluster's nodes: one interface for the realm's own authority and for identity providers. */
import { toPem } from '../core/encoding.ts';
import type { ProviderRevocation } from '../core/join/provider.ts';
import type { CertificateAuthority } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import type { IssuedLeaf, LeafIssuer, LeafOrder } from './leaf-issuer.ts';
import type { Realm } from './realm.ts';

export interface NodeProvider extends LeafIssuer {
  /** `local`, or as the configuration names it. */
  readonly kind: string;
  /** As `issue`, in place of a certificate of the same node. */
  renew(order: LeafOrder): Promise<IssuedLeaf>;
  /** Tells who signed it; that it is revoked counts here before. @throws ERR_PROVIDER_* */
  revoke(revocation: ProviderRevocation): Promise<void>;
  /** PEM of the authorities that it signs with, or under. @throws ERR_PROVIDER_* */
  trustBundle(): Promise<string>;
}

/** The realm's own authority: it revokes by the lists of the realm, which are made from its records. */
export function localProvider(realm: Realm, issuer: LeafIssuer): NodeProvider {
  return {
    ...issuer,
    kind: 'local',
    renew: (order) => issuer.issue(order),
    revoke: () => Promise.resolve(),
    async trustBundle() {
      const root = (await caChain(realm, issuer.ca.record.name)).at(-1) as CertificateAuthority;
      return toPem('CERTIFICATE', root.certificate.der);
    },
  };
}
