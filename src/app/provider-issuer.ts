/** Node certificates by an authority whose key is elsewhere: joinery decides what is in them, the provider signs, joinery checks and records. */
import { toPem } from '../core/encoding.ts';
import { checkProvided, type IdentityProvider, type ProviderRequest } from '../core/join/provider.ts';
import { formatInstant, type Instant, plus } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import { assertUsableKey } from '../core/x509/known-keys.ts';
import { profileNames } from '../core/x509/profiles.ts';
import { validityOf } from '../core/x509/template.ts';
import { readCa } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import type { IssuedLeaf, LeafIssuer, LeafOrder } from './leaf-issuer.ts';
import type { Realm } from './realm.ts';

/**
 * Nothing is written before the provider has answered: one that is down burns no use of a token.
 * @throws ERR_CA_NOT_FOUND; its `issue` ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_CERTIFICATE, ERR_KEY_*, ERR_CERTIFICATE_PROFILE, ERR_CA_EXPIRED
 */
export async function openProviderIssuer(realm: Realm, cluster: string, caName: string, provider: IdentityProvider): Promise<LeafIssuer> {
  const what = `identity_provider of cluster ${cluster}`;
  const ca = await readCa(realm, caName, `${what}: ca`);
  const chain = await caChain(realm, caName);
  return {
    ca,
    intermediates: chain.filter(({ certificate }) => !certificate.selfIssued).map(({ certificate }) => certificate.der),
    async issue(order) {
      assertUsableKey(order.publicKey, order.what);
      const now = realm.clock.now();
      const names = profileNames(order.profile, order.names, realm.config.trust_domain);
      const { notAfter } = validityOf({ now, notAfter: plus(now, order.ttl ?? order.profile.ttl), issuer: ca.certificate });
      const pem = await provider.issue(requestOf(order, names, now, notAfter));
      const expected = { what, spki: order.publicKey.der, names: names.map(generalNameText), notAfter, now: realm.clock.now() };
      const certificate = checkProvided(pem, { ...expected, issuer: ca.certificate, verifySignature: realm.verifySignature });
      return leafOf(order, names, certificate);
    },
  };
}

function requestOf({ csr, renews }: LeafOrder, names: readonly AlternativeName[], now: Instant, notAfter: Instant): ProviderRequest {
  const of = (kind: AlternativeName['kind']): readonly string[] =>
    names.filter((name) => name.kind === kind).map((name) => generalNameText(name).replace(/^[A-Za-z]+:/, ''));
  return {
    schema: 'joinery/provider-request/1',
    operation: renews === undefined ? 'issue' : 'renew',
    // Nodes send requests; what else issues has the key of its authority.
    csr_pem: toPem('CERTIFICATE REQUEST', csr as Uint8Array),
    uris: of('uri'),
    dns_names: of('dns'),
    ip_addresses: of('ip'),
    not_after: formatInstant(notAfter),
    lifetime: notAfter - now,
    ...(renews !== undefined && { renews }),
  };
}

function leafOf({ profile, renews }: LeafOrder, names: readonly AlternativeName[], certificate: Certificate): IssuedLeaf {
  const { der, serialNumber: serial, fingerprint, pin, subject, notBefore, notAfter } = certificate;
  return {
    der,
    serial,
    fingerprint,
    pin,
    profile,
    subject: subject.der,
    names,
    validity: { notBefore, notAfter, shortened: false },
    renews,
  };
}
