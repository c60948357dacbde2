/** From a profile to what is signed: every certificate of joinery is described here, nothing is left to a library's default. */
import { concat } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { KeyType } from '../key-ports.ts';
import type { Random } from '../ports.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import { parseSpki, type PublicKey } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { bitString, integer, NULL, oid, sequence, tagged, time } from './der-writer.ts';
import {
  type AlternativeName,
  authorityKeyIdentifier,
  basicConstraints,
  extKeyUsage,
  keyIdentifierOf,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
  writeExtension,
  writeExtensions,
} from './extension-writer.ts';
import type { Extension, KeyUsageName } from './extensions.ts';
import { OID } from './oids.ts';

export interface CertificateTemplate {
  /** 16 octets, positive. */
  readonly serialNumber: Uint8Array;
  /** Type of the key that signs. */
  readonly signer: KeyType;
  /** DER of Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly spki: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** For clocks that are a little behind (FORMATS 6). */
export const BACKDATE = 60;
const SERIAL_OCTETS = 16;

/** A serial number of 16 octets with 126 random bits: positive, never shortened by DER, at most 20 octets (RFC 5280 section 4.1.2.2). */
export function newSerialNumber(random: Random): Uint8Array {
  const octets = random.bytes(SERIAL_OCTETS);
  octets[0] = ((octets[0] as number) & 0x7f) | 0x40;
  return octets;
}

export interface Validity {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** True when the issuer's end came first. */
  readonly shortened: boolean;
}

/**
 * The validity of a certificate made now: backdated by 60 s, and inside the issuer's.
 * @throws ERR_CA_EXPIRED when the issuer is not valid now.
 */
export function validityOf(request: {
  readonly now: Instant;
  readonly notAfter: Instant;
  readonly issuer?: Certificate | undefined;
}): Validity {
  const { now, notAfter, issuer } = request;
  const notBefore = plus(now, -BACKDATE);
  if (issuer === undefined) return { notBefore, notAfter, shortened: false };
  if (now < issuer.notBefore || now >= issuer.notAfter) {
    throw new JoineryError(
      'ERR_CA_EXPIRED',
      `${issuer.subject.text}: expected an issuer that is valid now, found ${formatInstant(issuer.notBefore)} to ${formatInstant(issuer.notAfter)}`,
      {
        hint: 'create a new authority',
      },
    );
  }
  return {
    notBefore: Math.max(notBefore, issuer.notBefore) as Instant,
    notAfter: Math.min(notAfter, issuer.notAfter) as Instant,
    shortened: notAfter > issuer.notAfter,
  };
}

interface TemplateRequest {
  readonly serialNumber: Uint8Array;
  readonly signer: KeyType;
  readonly validity: Pick<Validity, 'notBefore' | 'notAfter'>;
  /** DER of Name. */
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
}

/** A certificate authority: self-signed without `issuer`. */
export function caTemplate(
  request: TemplateRequest & {
    readonly issuer?: Certificate | undefined;
    readonly pathLen?: number | undefined;
    /** The subjectKeyIdentifier that other certificates of the key have; default: made from the key. */
    readonly keyIdentifier?: Uint8Array | undefined;
    /** Extensions beyond those of every authority. */
    readonly more?: readonly Extension[] | undefined;
  },
): CertificateTemplate {
  const { issuer, subject, spki, pathLen, validity, serialNumber, signer, more = [] } = request;
  const own = request.keyIdentifier ?? keyIdentifierOf(parseSpki(spki));
  return {
    serialNumber,
    signer,
    ...validity,
    subject,
    spki,
    issuer: issuer?.subject.der ?? subject,
    extensions: [
      basicConstraints(true, pathLen),
      keyUsage(['keyCertSign', 'cRLSign']),
      subjectKeyIdentifier(own),
      authorityKeyIdentifier(issuer === undefined ? own : issuerKeyIdentifier(issuer)),
      ...more,
    ],
  };
}

export interface LeafProfile {
  readonly keyUsage: readonly KeyUsageName[];
  readonly extKeyUsage: readonly string[];
}

/** What a leaf may be used for. `peer`, `node` and `cluster` members are server and client at once. */
export const LEAF_PROFILES = {
  server: { keyUsage: ['digitalSignature'], extKeyUsage: [OID.serverAuth] },
  client: { keyUsage: ['digitalSignature'], extKeyUsage: [OID.clientAuth] },
  peer: { keyUsage: ['digitalSignature'], extKeyUsage: [OID.serverAuth, OID.clientAuth] },
} as const satisfies Record<string, LeafProfile>;

/**
 * The keyUsage of a leaf. An RSA key of a server gets keyEncipherment beside the profile's bits: key transport of TLS 1.2 is what RFC 5246
 * section 7.4.2 asks it for (RFC 5280 section 4.2.1.3), and NSS takes no RSA server without it. SPIFFE X509-SVID section 4.3 allows it.
 */
export function leafKeyUsage(profile: LeafProfile, kind: PublicKey['kind']): readonly KeyUsageName[] {
  const transports = kind === 'rsa' && profile.extKeyUsage.includes(OID.serverAuth);
  return transports ? [...profile.keyUsage, 'keyEncipherment'] : profile.keyUsage;
}

export function leafTemplate(
  request: TemplateRequest & { readonly issuer: Certificate; readonly profile: LeafProfile; readonly names: readonly AlternativeName[] },
): CertificateTemplate {
  const { issuer, subject, spki, validity, serialNumber, signer, profile, names } = request;
  const publicKey = parseSpki(spki);
  return {
    serialNumber,
    signer,
    ...validity,
    subject,
    spki,
    issuer: issuer.subject.der,
    extensions: [
      basicConstraints(false),
      keyUsage(leafKeyUsage(profile, publicKey.key.kind)),
      extKeyUsage(profile.extKeyUsage),
      ...(names.length === 0 ? [] : [subjectAltName(names, isEmptyName(subject))]),
      subjectKeyIdentifier(keyIdentifierOf(publicKey)),
      authorityKeyIdentifier(issuerKeyIdentifier(issuer)),
    ],
  };
}

/** True for the DER of a Name without parts. */
export function isEmptyName(der: Uint8Array): boolean {
  return der[1] === 0;
}

/** RFC 5280 section 4.2.1.1: the issuer's own subjectKeyIdentifier, however it was made. */
export function issuerKeyIdentifier(issuer: Certificate): Uint8Array {
  return issuer.extensions.subjectKeyIdentifier ?? keyIdentifierOf(issuer.publicKey);
}

/** DER of AlgorithmIdentifier of the signatures that a key of each type makes. */
export const SIGNATURE_ALGORITHMS: Readonly<Record<KeyType, Uint8Array>> = {
  p256: sequence(oid(OID.ecdsaWithSha256)),
  p384: sequence(oid(OID.ecdsaWithSha384)),
  ed25519: sequence(oid(OID.ed25519)),
  rsa3072: sequence(oid(OID.sha256WithRSAEncryption), NULL),
  rsa4096: sequence(oid(OID.sha256WithRSAEncryption), NULL),
};

const VERSION_3 = tagged(0, integer(2));

/** DER of tbsCertificate (RFC 5280 section 4.1). */
export function writeTbs(template: CertificateTemplate): Uint8Array {
  return sequence(
    VERSION_3,
    integer(template.serialNumber),
    SIGNATURE_ALGORITHMS[template.signer],
    template.issuer,
    sequence(time(template.notBefore), time(template.notAfter)),
    template.subject,
    template.spki,
    writeExtensions(template.extensions),
  );
}

/** What all leaves of one issuer under one profile share, in the encodings of {@link leafTemplate} and {@link writeTbs}. */
export interface ConstantParts {
  readonly version: Uint8Array;
  readonly algorithmAndIssuer: Uint8Array;
  /** Before subjectAltName, of an RSA key and of any other. */
  readonly firstExtensions: { readonly rsa: Uint8Array; readonly other: Uint8Array };
  /** After subjectKeyIdentifier. */
  readonly lastExtension: Uint8Array;
}

export function constantParts(issuer: Certificate, signer: KeyType, profile: LeafProfile): ConstantParts {
  const first = (kind: 'rsa' | 'ed25519'): Uint8Array => {
    const usages = leafKeyUsage(profile, kind);
    return concat(...[basicConstraints(false), keyUsage(usages), extKeyUsage(profile.extKeyUsage)].map(writeExtension));
  };
  return {
    version: VERSION_3,
    algorithmAndIssuer: concat(SIGNATURE_ALGORITHMS[signer], issuer.subject.der),
    firstExtensions: { rsa: first('rsa'), other: first('ed25519') },
    lastExtension: writeExtension(authorityKeyIdentifier(issuerKeyIdentifier(issuer))),
  };
}

/** DER of the signed structure: certificate, certification request or revocation list. */
export function writeSigned(tbs: Uint8Array, signer: KeyType, signature: Uint8Array): Uint8Array {
  return sequence(tbs, SIGNATURE_ALGORITHMS[signer], bitString(signature));
}
