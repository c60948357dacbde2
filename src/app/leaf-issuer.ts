/** Issues leaves of one authority. It signs; the caller commits the records, with whatever else changes in the same commit. */
import type { JsonObject } from '../core/canonical-json.ts';
import { type Fingerprint, fingerprintOf, type Pin, pinOf } from '../core/digest.ts';
import { equalBytes, toBase64, toHex } from '../core/encoding.ts';
import { assertInternal, JoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { AuditEvent, Random, StoreCheck, StoreWrite } from '../core/ports.ts';
import { formatInstant, type Instant, plus, type Seconds } from '../core/time.ts';
import type { SubjectPublicKeyInfo } from '../core/x509/algorithms.ts';
import { parseCertificate } from '../core/x509/certificate.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { leafWriter, type LeafWriter, pooledRandom, signLeaf } from '../core/x509/fast-leaf.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import { assertLinted, issueCertificate } from '../core/x509/issue.ts';
import { assertUsableKey } from '../core/x509/known-keys.ts';
import { parseName } from '../core/x509/names.ts';
import { type CertificateProfile, defaultSubject, profileNames } from '../core/x509/profiles.ts';
import { leafTemplate, newSerialNumber, type Validity, validityOf, writeSigned, writeTbs } from '../core/x509/template.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { certificateKey, type CertificateRecord } from './certificate-records.ts';
import { openCaKey } from './create-ca.ts';
import { caChain } from './export-ca.ts';
import { auditEvent, type Realm } from './realm.ts';

export interface LeafOrder {
  readonly profile: CertificateProfile;
  readonly names: readonly AlternativeName[];
  readonly publicKey: SubjectPublicKeyInfo;
  /** DER of Name; without it the environment and the first name. */
  readonly subject?: Uint8Array | undefined;
  /** Default of the profile. */
  readonly ttl?: Seconds | undefined;
  /** Instead of `ttl`. */
  readonly notAfter?: Instant | undefined;
  /** Serial number of the certificate that it replaces. */
  readonly renews?: string | undefined;
  /** DER of the request that the key came in, where there was one: an authority elsewhere signs requests. */
  readonly csr?: Uint8Array | undefined;
  /** Names the key in errors. */
  readonly what: string;
}

export interface IssuedLeaf {
  readonly der: Uint8Array;
  /** Lower-case hex. */
  readonly serial: string;
  readonly fingerprint: Fingerprint;
  readonly pin: Pin;
  readonly profile: CertificateProfile;
  /** DER of Name. */
  readonly subject: Uint8Array;
  readonly names: readonly AlternativeName[];
  readonly validity: Validity;
  readonly renews: string | undefined;
  /** Where an identity provider signed it. */
  readonly provided?: ProvidedBy | undefined;
}

export interface ProvidedBy {
  readonly cluster: string;
  /** The authority of the realm that it is under. */
  readonly ca: CertificateAuthority;
  /** DER of the authorities between it and the root, without the root. */
  readonly chain: readonly Uint8Array[];
}

export interface LeafIssuer {
  readonly ca: CertificateAuthority;
  /** DER of the authorities between a leaf and the root, without the root: what a TLS server sends after its own certificate. */
  readonly intermediates: readonly Uint8Array[];
  issue(order: LeafOrder): Promise<IssuedLeaf>;
}

export interface LeafIssuerOptions {
  /** Refuse what would outlive the issuer, instead of shortening it. */
  readonly strict?: boolean;
  /**
   * `each` (default): every certificate is linted under a throw-away key before the real one signs it. `first`: the first one of each
   * profile, for servers: names, key, validity and serial number of the others are checked by what made them.
   */
  readonly lint?: 'each' | 'first';
}

/**
 * Opens the key of an authority. The first leaf of each profile and kind of key takes the readable way with a second reading by other code, and must be
 * byte for byte what the fast writer makes; the others take the fast way.
 * @throws ERR_CA_NOT_FOUND, ERR_KEY_*
 */
export async function openLeafIssuer(realm: Realm, caName: string, options: LeafIssuerOptions = {}): Promise<LeafIssuer> {
  const ca = await readCa(realm, caName, '--ca');
  const key = await openCaKey(realm, ca);
  const chain = await caChain(realm, caName);
  const throwaway = await realm.certificates.throwawayKey(key.type);
  const opened: Opened = {
    realm,
    ca,
    key,
    lintEach: options.lint !== 'first',
    random: pooledRandom(realm.random),
    writers: new Map(),
    placeholder: await throwaway.sign(ca.certificate.tbs, 'der'),
  };
  return {
    ca,
    intermediates: chain.filter(({ certificate }) => !certificate.selfIssued).map(({ certificate }) => certificate.der),
    async issue(order) {
      const plan = planOf(realm, ca, order, options.strict === true);
      const serialNumber = newSerialNumber(opened.random);
      const der = await signPlanned(opened, order, { ...plan, serialNumber });
      const { profile, publicKey, renews } = order;
      return { ...plan, der, serial: toHex(serialNumber), fingerprint: fingerprintOf(der), pin: pinOf(publicKey.der), profile, renews };
    },
  };
}

interface Opened {
  readonly realm: Realm;
  readonly ca: CertificateAuthority;
  readonly key: SigningKey;
  /** What {@link LeafIssuerOptions.lint} says. */
  readonly lintEach: boolean;
  readonly random: Random;
  /** A signature of a throw-away key, in whose place the real one comes: the lint reads everything but the signature. */
  readonly placeholder: Uint8Array;
  /** By profile and kind of key: those of which one certificate was issued. */
  readonly writers: Map<string, LeafWriter>;
}

type Plan = Pick<IssuedLeaf, 'names' | 'subject' | 'validity'>;

async function signPlanned(opened: Opened, order: LeafOrder, plan: Plan & { readonly serialNumber: Uint8Array }): Promise<Uint8Array> {
  const { ca, key, writers, lintEach, placeholder } = opened;
  const { notBefore, notAfter } = plan.validity;
  const kind = `${order.profile.name}/${order.publicKey.key.kind}`;
  const known = writers.get(kind);
  const writer = known ?? leafWriter(ca.certificate, key.type, order.profile.usage);
  const tbs = writer({ ...plan, notBefore, notAfter, publicKey: order.publicKey });
  if (known === undefined) {
    const der = await signReadable(opened, order, plan, tbs);
    writers.set(kind, writer);
    return der;
  }
  if (lintEach) assertLinted(parseCertificate(writeSigned(tbs, key.type, placeholder), 'new certificate'), ca.certificate);
  return signLeaf(tbs, key);
}

async function signReadable(
  { realm, ca, key }: Opened,
  { profile, publicKey }: LeafOrder,
  { names, subject, validity, serialNumber }: Plan & { readonly serialNumber: Uint8Array },
  tbs: Uint8Array,
): Promise<Uint8Array> {
  const issuer = ca.certificate;
  const template = leafTemplate({
    serialNumber,
    signer: key.type,
    validity: { notBefore: validity.notBefore, notAfter: validity.notAfter },
    subject,
    spki: publicKey.der,
    issuer,
    profile: profile.usage,
    names,
  });
  assertInternal(equalBytes(writeTbs(template), tbs), 'the fast writer and the template make different certificates');
  const { certificates, verifySignature } = realm;
  return (await issueCertificate({ template, issuer, key, certificates, verifySignature })).der;
}

function planOf(realm: Realm, ca: CertificateAuthority, order: LeafOrder, strict: boolean): Plan {
  const { profile, publicKey, what } = order;
  assertUsableKey(publicKey, what);
  const names = profileNames(profile, order.names, realm.config.trust_domain);
  const now = realm.clock.now();
  const wanted = order.notAfter ?? plus(now, order.ttl ?? profile.ttl);
  if (wanted <= now) throw new JoineryError('ERR_USAGE', `--not-after: expected a time after now, found ${formatInstant(wanted)}`);
  const validity = validityOf({ now, notAfter: wanted, issuer: ca.certificate });
  if (strict && validity.shortened) {
    throw new JoineryError(
      'ERR_CERTIFICATE_OUTLIVES',
      `--strict: expected an end not after the issuer's, ${formatInstant(ca.certificate.notAfter)}, found ${formatInstant(wanted)}`,
      { hint: 'ask for a shorter life with --ttl, or issue from a newer authority' },
    );
  }
  return { names, subject: order.subject ?? defaultSubject(names, realm.config.environment.name), validity };
}

/** What says that a certificate is shorter than was asked for, for the person who asked. */
export function shortenedWarning({ ca }: LeafIssuer, { validity }: IssuedLeaf): string | undefined {
  if (!validity.shortened) return undefined;
  return `the certificate ends with its issuer ${ca.record.name}, at ${formatInstant(validity.notAfter)}: a leaf never outlives its issuer`;
}

export interface LeafChange {
  readonly records: readonly CertificateRecord[];
  readonly checks: readonly StoreCheck[];
  readonly writes: readonly StoreWrite[];
  readonly audit: readonly AuditEvent[];
}

/** The records and audit events of issued leaves, to be committed before anybody is given one. */
export function leafChange(realm: Realm, { ca }: LeafIssuer, leaves: readonly IssuedLeaf[]): LeafChange {
  const records = leaves.map((leaf) => recordOf(realm, leaf.provided?.ca ?? ca, leaf));
  const authorities = new Set(leaves.map(({ provided }) => provided?.ca ?? ca));
  return {
    records,
    checks: [
      ...[...authorities].map(({ check }) => check),
      ...records.map(({ serial }): StoreCheck => ({ key: certificateKey(serial), version: 'absent' })),
    ],
    writes: records.map((record) => ({ key: certificateKey(record.serial), value: { ...record } as JsonObject })),
    audit: records.map((record) => auditOf(realm, record)),
  };
}

function recordOf(realm: Realm, ca: CertificateAuthority, leaf: IssuedLeaf): CertificateRecord {
  const { serial, pin, fingerprint, profile, subject, names, validity, renews, der, provided } = leaf;
  return {
    serial,
    ca: ca.record.name,
    profile: profile.name,
    subject: parseName(subject, 'subject').text,
    sans: names.map(generalNameText),
    spki_pin: pin,
    fingerprint,
    not_before: validity.notBefore,
    not_after: validity.notAfter,
    issued_at: realm.clock.now(),
    ...(renews !== undefined && { renews }),
    certificate: toBase64(der),
    ...(provided !== undefined && { provided: { cluster: provided.cluster, chain: provided.chain.map(toBase64) } }),
  };
}

function auditOf(realm: Realm, record: CertificateRecord): AuditEvent {
  const { serial, ca, profile, subject, sans, spki_pin, fingerprint, not_after, renews, provided } = record;
  const details = {
    ca,
    profile,
    subject,
    sans: [...sans],
    spki_pin,
    fingerprint,
    not_after: formatInstant(not_after as Instant),
    ...(provided !== undefined && { provider_of: provided.cluster }),
  };
  return auditEvent(realm, {
    event: renews === undefined ? 'cert.issue' : 'cert.renew',
    subject: serial,
    details: renews === undefined ? details : { ...details, renews },
  });
}
