/** The authorities that issue node certificates: found once, opened once, and opened again when the realm's authorities change. */
import { JoineryError } from '../core/errors.ts';
import { clusterOf } from '../core/realm/config.ts';
import { type CertificateAuthority, readCas } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import { type LeafIssuer, openLeafIssuer } from './leaf-issuer.ts';
import type { Realm } from './realm.ts';
import { readActive } from './trust-records.ts';

export interface NodeIssuers {
  /** @throws ERR_CLUSTER_UNKNOWN, ERR_CA_NOT_FOUND, ERR_SERVER_ISSUER, ERR_KEY_* */
  of(realm: Realm, cluster: string): Promise<LeafIssuer>;
  /** Forgets what was opened: an authority changed. */
  forget(): void;
}

export function nodeIssuers(): NodeIssuers {
  const opened = new Map<string, Promise<LeafIssuer>>();
  return {
    async of(realm, cluster) {
      const known = opened.get(cluster);
      if (known !== undefined) return known;
      const opening = open(realm, cluster);
      opened.set(cluster, opening);
      // What failed is tried again by the next request.
      opening.catch(() => opened.delete(cluster));
      return opening;
    },
    forget: () => opened.clear(),
  };
}

async function open(realm: Realm, cluster: string): Promise<LeafIssuer> {
  const { issuing_ca: configured } = clusterOf(realm.config, cluster);
  return openLeafIssuer(realm, configured ?? (await defaultAuthority(realm, cluster)), { lint: 'first' });
}

/** The one online authority under an active anchor of node-cert-lifecycle. @throws ERR_SERVER_ISSUER */
async function defaultAuthority(realm: Realm, cluster: string): Promise<string> {
  const active = (await readActive(realm, 'node-cert-lifecycle')).value;
  const pins = new Set(active?.signed.anchors.map((anchor) => anchor.pin));
  const fitting: string[] = [];
  for (const ca of await readCas(realm)) {
    if (!isUsable(realm, ca)) continue;
    const chain = await caChain(realm, ca.record.name);
    if (chain.some(({ certificate }) => pins.has(certificate.pin))) fitting.push(ca.record.name);
  }
  const [only, ...others] = fitting;
  if (only !== undefined && others.length === 0) return only;
  throw new JoineryError(
    'ERR_SERVER_ISSUER',
    `cluster ${cluster}: expected one online authority under an anchor of node-cert-lifecycle, found ${fitting.join(', ') || 'none'}`,
    { hint: `name it in joinery.yaml: issuing_ca of cluster ${cluster}` },
  );
}

function isUsable({ clock }: Realm, { record, certificate }: CertificateAuthority): boolean {
  return record.key?.custody === 'online' && record.revoked === undefined && certificate.notAfter > clock.now();
}
