/** Node certificates by an identity provider: joinery decides what is in them, the provider signs, joinery checks and records. */
import { toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { IdentityProvider, ProvidedCertificate, SigningRequest } from '../core/join/provider.ts';
import { checkProvided, type ProviderExpectation } from '../core/join/provider-check.ts';
import type { ProviderConfig } from '../core/realm/provider-config.ts';
import { providerKind } from '../core/realm/provider-config.ts';
import { formatInstant, type Instant, plus } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { parseCsr } from '../core/x509/csr.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import { assertUsableKey } from '../core/x509/known-keys.ts';
import { profileNames } from '../core/x509/profiles.ts';
import { validityOf } from '../core/x509/template.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { caChain } from './export-ca.ts';
import type { IssuedLeaf, LeafOrder } from './leaf-issuer.ts';
import type { NodeProvider } from './node-provider.ts';
import type { Realm } from './realm.ts';

/** Requests that wait for a provider at once: behind a slow one no more pile up. */
const MAX_WAITING = 64;

interface Opened {
  readonly realm: Realm;
  readonly cluster: string;
  readonly what: string;
  readonly provider: IdentityProvider;
  readonly authorities: readonly CertificateAuthority[];
}

/**
 * Nothing is written before the provider has answered: one that is down burns no use of a token.
 * @throws ERR_CA_NOT_FOUND; its `issue` and `renew` ERR_PROVIDER_*, ERR_CSR_NAMES, ERR_KEY_*, ERR_CERTIFICATE_PROFILE, ERR_CA_EXPIRED
 */
export async function openProviderIssuer(
  realm: Realm,
  { cluster, config, what }: { readonly cluster: string; readonly config: ProviderConfig; readonly what: string },
  provider: IdentityProvider,
): Promise<NodeProvider> {
  const authorities = await Promise.all(config.ca.map((name) => readCa(realm, name, `${what}: ca`)));
  const opened: Opened = { realm, cluster, what, provider, authorities };
  const turn = bounded(what);
  const latest = authorities.reduce((best, each) => (each.certificate.notAfter > best.certificate.notAfter ? each : best));
  return {
    kind: providerKind(config),
    // The one that lasts longest: it says when all of them have ended.
    ca: latest,
    intermediates: [],
    issue: (order) => turn(() => sign(opened, order, (request) => provider.issue(request))),
    renew: (order) => turn(() => sign(opened, order, (request) => provider.renew(request))),
    revoke: (revocation) => provider.revoke(revocation),
    trustBundle: () => provider.trustBundle(),
  };
}

function bounded(what: string) {
  let waiting = 0;
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (waiting >= MAX_WAITING) {
      throw new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: expected fewer requests that wait for it, found ${waiting}`, {
        hint: 'nothing was written: ask again',
      });
    }
    waiting += 1;
    try {
      return await work();
    } finally {
      waiting -= 1;
    }
  };
}

async function sign(
  { realm, cluster, what, provider, authorities }: Opened,
  order: LeafOrder,
  ask: (request: SigningRequest) => Promise<ProvidedCertificate>,
): Promise<IssuedLeaf> {
  assertUsableKey(order.publicKey, order.what);
  const now = realm.clock.now();
  const names = profileNames(order.profile, order.names, realm.config.trust_domain);
  if (provider.namesFromRequest === true) assertNamed(order.csr as Uint8Array, names);
  const [first] = authorities as readonly [CertificateAuthority, ...CertificateAuthority[]];
  const issuer = authorities.find(({ certificate }) => certificate.notAfter > now) ?? first;
  const { notAfter } = validityOf({ now, notAfter: plus(now, order.ttl ?? order.profile.ttl), issuer: issuer.certificate });
  const given = await ask(requestOf(order, names, now, notAfter));
  const path = await checked(provider, given, {
    what,
    spki: order.publicKey.der,
    names: names.map(generalNameText),
    notAfter,
    now: realm.clock.now(),
    authorities: authorities.map(({ certificate }) => certificate),
    verifySignature: realm.verifySignature,
  });
  return leafOf(realm, { order, names, cluster, authorities, path });
}

/** An answer without a chain may be under an authority that the trust bundle of the provider has. @throws ERR_PROVIDER_CERTIFICATE */
async function checked(
  provider: IdentityProvider,
  given: ProvidedCertificate,
  expected: ProviderExpectation,
): Promise<readonly Certificate[]> {
  try {
    return checkProvided(given, expected);
  } catch (error) {
    // The first finding is the one to tell.
    const chainPem = given.chainPem === '' ? await provider.trustBundle().catch(() => '') : '';
    if (chainPem === '') throw error;
    return checkProvided({ ...given, chainPem }, expected);
  }
}

/** Whoever signs what a request names cannot be told anything else. @throws ERR_CSR_NAMES, which says what is to be named */
function assertNamed(csr: Uint8Array, names: readonly AlternativeName[]): void {
  const found = (parseCsr(csr).extensions.subjectAltName ?? []).map(generalNameText);
  const wanted = names.map(generalNameText);
  if (found.length === wanted.length && wanted.every((name) => found.includes(name))) return;
  throw new JoineryError('ERR_CSR_NAMES', `csr: expected the names ${wanted.join(',')}, found ${found.join(',') || 'none'}`, {
    hint: 'ask again with a request of the same key that names them: the token was not used',
    details: { csr_names: wanted.join(',') },
  });
}

function requestOf({ csr, renews }: LeafOrder, names: readonly AlternativeName[], now: Instant, notAfter: Instant): SigningRequest {
  const of = (kind: AlternativeName['kind']): readonly string[] =>
    names.filter((name) => name.kind === kind).map((name) => generalNameText(name).replace(/^[A-Za-z]+:/, ''));
  return {
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

interface Signed {
  readonly order: LeafOrder;
  readonly names: readonly AlternativeName[];
  readonly cluster: string;
  readonly authorities: readonly CertificateAuthority[];
  /** From the leaf to one of the authorities. */
  readonly path: readonly Certificate[];
}

async function leafOf(realm: Realm, { order, names, cluster, authorities, path }: Signed): Promise<IssuedLeaf> {
  const leaf = path[0] as Certificate;
  const anchor = path.at(-1) as Certificate;
  const ca = authorities.find(({ certificate }) => certificate.fingerprint === anchor.fingerprint) as CertificateAuthority;
  const above = (await caChain(realm, ca.record.name)).map(({ certificate }) => certificate);
  const chain = [...path.slice(1, -1), ...above].filter(({ selfIssued }) => !selfIssued).map(({ der }) => der);
  const { der, serialNumber: serial, fingerprint, pin, subject, notBefore, notAfter } = leaf;
  return {
    der,
    serial,
    fingerprint,
    pin,
    profile: order.profile,
    subject: subject.der,
    names,
    validity: { notBefore, notAfter, shortened: false },
    renews: order.renews,
    provided: { cluster, ca, chain },
  };
}
