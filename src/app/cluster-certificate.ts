/** Makes the certificate that all members of a cluster share. */
import { type SharedCertificate } from '../core/cluster/record.ts';
import { toPem } from '../core/encoding.ts';
import type { KeyType } from '../core/key-ports.ts';
import { formatInstant, plus, type Seconds } from '../core/time.ts';
import { parseSpki } from '../core/x509/algorithms.ts';
import { parseAlternativeName } from '../core/x509/alternative-names.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { writeName } from '../core/x509/name-text.ts';
import { PROFILES } from '../core/x509/profiles.ts';
import { type IssuedLeaf, leafChange, openLeafIssuer } from './leaf-issuer.ts';
import { commit, type Realm } from './realm.ts';

export interface SharedCertificateOrder {
  readonly cluster: string;
  readonly ca: string;
  readonly generation: number;
  /** As in the cluster's record: `dns:a.example`, `ip:10.0.0.1`. */
  readonly names: readonly string[];
  /** Default of the profile: 10 years, and never beyond the authority. */
  readonly ttl?: Seconds | undefined;
  readonly keyType?: KeyType | undefined;
  /** Serial number of the one that it replaces. */
  readonly renews?: string | undefined;
}

export interface SharedCertificateResult {
  readonly certificate: SharedCertificate;
  readonly warnings: readonly string[];
}

/**
 * A new key and a certificate for it, with both key purposes; its record and audit event are committed.
 * @throws ERR_CA_NOT_FOUND, ERR_CA_EXPIRED, ERR_CA_REVOKED, ERR_CERTIFICATE_*, ERR_KEY_*
 */
export async function issueShared(realm: Realm, order: SharedCertificateOrder): Promise<SharedCertificateResult> {
  const issuer = await openLeafIssuer(realm, order.ca);
  const { reference, key } = await realm.vault.generate({
    name: `cluster-${order.cluster}`,
    type: order.keyType ?? 'p256',
    custody: 'online',
  });
  const leaf = await issuer.issue({
    profile: PROFILES.cluster,
    names: order.names.map(parseClusterName),
    publicKey: parseSpki(key.spki),
    subject: writeName([
      ['O', realm.config.environment.name],
      ['CN', order.cluster],
    ]),
    ttl: order.ttl,
    renews: order.renews,
    what: `key of cluster ${order.cluster}`,
  });
  const { checks, writes, audit } = leafChange(realm, issuer, [leaf]);
  await commit(realm.store, { checks, writes, audit });
  const certificate: SharedCertificate = {
    serial: leaf.serial,
    ca: order.ca,
    generation: order.generation,
    pem: toPem('CERTIFICATE', leaf.der),
    key: { ...reference },
    issued_at: realm.clock.now(),
    not_after: leaf.validity.notAfter,
  };
  return { certificate, warnings: warningsOf(realm, order, leaf) };
}

/** The authority of a cluster is as old as its first certificate: by default a small difference is no news. */
const USUAL_DIFFERENCE = 30 * 86400;

function warningsOf({ clock }: Realm, { ca, ttl }: SharedCertificateOrder, { validity }: IssuedLeaf): string[] {
  const missing = plus(clock.now(), ttl ?? PROFILES.cluster.ttl) - validity.notAfter;
  if (missing <= (ttl === undefined ? USUAL_DIFFERENCE : 0)) return [];
  return [`the certificate ends with its issuer ${ca}, at ${formatInstant(validity.notAfter)}: a leaf never outlives its issuer`];
}

/** One name of a cluster's record. @throws ERR_CERTIFICATE_NAME */
export function parseClusterName(text: string): AlternativeName {
  const kind = text.startsWith('ip:') ? 'ip' : 'dns';
  return parseAlternativeName(kind, text.slice(text.indexOf(':') + 1), `--${kind}`);
}
