/** The identity provider of a cluster as the configuration has it, and what is known here of the authorities behind it. */
import { type Fingerprint } from '../core/digest.ts';
import { parsePem, toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { IdentityProvider, OpenProvider } from '../core/join/provider.ts';
import { clusterOf } from '../core/realm/config.ts';
import { type ProviderConfig, providerKind } from '../core/realm/provider-config.ts';
import type { Instant } from '../core/time.ts';
import type { Phase } from '../core/trust/manifest.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { readCas } from './ca-records.ts';
import type { Realm } from './realm.ts';
import { readActive } from './trust-records.ts';

export interface ClusterProvider {
  readonly config: ProviderConfig;
  readonly provider: IdentityProvider;
}

/** @throws ERR_CLUSTER_UNKNOWN, ERR_PROVIDER_NONE for a cluster whose nodes have certificates of the realm's own authority */
export async function clusterProvider(realm: Realm, cluster: string, openProvider: OpenProvider): Promise<ClusterProvider> {
  const { identity_provider: config } = clusterOf(realm.config, cluster);
  if (config !== undefined) return { config, provider: await openProvider(config, `identity_provider of cluster ${cluster}`) };
  throw new JoineryError('ERR_PROVIDER_NONE', `cluster ${cluster}: expected an identity_provider in joinery.yaml, found none`, {
    details: { cluster },
  });
}

export interface ProviderAuthority {
  readonly fingerprint: Fingerprint;
  /** RFC 4514. */
  readonly subject: string;
  readonly notAfter: Instant;
  readonly pem: string;
  /** Its name in this realm, where it was imported. */
  readonly ca: string | undefined;
  /** Named under `identity_provider.ca`. */
  readonly configured: boolean;
  /** In the active version of node-cert-lifecycle; undefined where it is no anchor. */
  readonly phase: Phase | undefined;
}

export interface ProviderTrust {
  readonly cluster: string;
  readonly kind: string;
  readonly authorities: readonly ProviderAuthority[];
}

/**
 * Asks the provider for its trust bundle. Nothing of it is trusted by that: a person imports an authority and publishes it.
 * @throws ERR_PROVIDER_*, and as {@link clusterProvider}
 */
export async function providerTrust(realm: Realm, cluster: string, openProvider: OpenProvider): Promise<ProviderTrust> {
  const { config, provider } = await clusterProvider(realm, cluster, openProvider);
  const certificates = bundleCertificates(await provider.trustBundle(), cluster);
  const names = new Map((await readCas(realm)).map(({ certificate, record }) => [certificate.fingerprint, record.name]));
  const active = (await readActive(realm, 'node-cert-lifecycle')).value;
  const phases = new Map((active?.signed.manifest.anchors ?? []).map(({ fingerprint, phase }) => [fingerprint, phase]));
  const authorities = certificates.map(({ fingerprint, subject, notAfter, der }): ProviderAuthority => {
    const ca = names.get(fingerprint);
    const configured = ca !== undefined && config.ca.includes(ca);
    return { fingerprint, subject: subject.text, notAfter, pem: toPem('CERTIFICATE', der), ca, configured, phase: phases.get(fingerprint) };
  });
  return { cluster, kind: providerKind(config), authorities };
}

/** @throws ERR_PROVIDER_CERTIFICATE */
function bundleCertificates(pem: string, cluster: string): readonly Certificate[] {
  const what = `trust bundle of the identity_provider of cluster ${cluster}`;
  try {
    return parsePem(pem, what).map(({ der }) => parseCertificate(der, what));
  } catch (cause) {
    // Reading throws nothing else.
    throw new JoineryError('ERR_PROVIDER_CERTIFICATE', (cause as JoineryError).message, { cause });
  }
}

/** What a provider may sign with, and nodes or this realm would refuse: to be imported, and published, before it does. */
export function unknownAuthorities({ authorities }: ProviderTrust): readonly ProviderAuthority[] {
  const chained = authorities.some(({ configured }) => configured);
  return authorities.filter(({ configured, phase }) => !configured && (phase === undefined || !chained));
}
