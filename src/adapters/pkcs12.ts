/**
 * PKCS #12 files (RFC 7292) with node-forge's ASN.1 and key derivation: writing only. Its own helper takes RSA keys and a SHA-1 MAC,
 * so the bags are built here: for every kind of key, with AES-256 and a MAC over SHA-256. Nothing is ever read or verified with it.
 */
import { createHmac } from 'node:crypto';
import forge from 'node-forge';
import { sha256 } from '../core/digest.ts';
import type { Pkcs12Contents } from '../core/key-ports.ts';
import type { Random } from '../core/ports.ts';
import { PKCS12_OID } from '../core/x509/pkcs12-outline.ts';
import { ITERATIONS } from './pkcs8.ts';

type Asn1 = forge.asn1.Asn1;

const OID = {
  ...PKCS12_OID,
  x509Certificate: '1.2.840.113549.1.9.22.1',
  friendlyName: '1.2.840.113549.1.9.20',
  localKeyId: '1.2.840.113549.1.9.21',
  sha256: '2.16.840.1.101.3.4.2.1',
  /** Oracle's: without it Java reads a certificate and does not trust it. */
  trustedKeyUsage: '2.16.840.1.113894.746875.1.1',
  anyExtendedKeyUsage: '2.5.29.37.0',
} as const;

const { Class, Type, create, oidToDer, toDer, fromDer } = forge.asn1;
const universal = (type: forge.asn1.Type, constructed: boolean, value: string | Asn1[]): Asn1 =>
  create(Class.UNIVERSAL, type, constructed, value);
const sequence = (...members: Asn1[]): Asn1 => universal(Type.SEQUENCE, true, members);
const set = (...members: Asn1[]): Asn1 => universal(Type.SET, true, members);
const oid = (dotted: string): Asn1 => universal(Type.OID, false, oidToDer(dotted).getBytes());
const octets = (bytes: string): Asn1 => universal(Type.OCTETSTRING, false, bytes);
const integer = (value: number): Asn1 => universal(Type.INTEGER, false, forge.asn1.integerToDer(value).getBytes());
/** The tag [0]; node-forge types tag numbers as universal types, of which NONE is 0. */
const explicit = (...members: Asn1[]): Asn1 => create(Class.CONTEXT_SPECIFIC, Type.NONE, true, members);
const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const derOf = (value: Asn1): string => toDer(value).getBytes();

const MAC_ID = 3;
const MAC_OCTETS = 32;
const SALT_OCTETS = 16;

/** {@link WritePkcs12} with salts from `random`. */
export function writePkcs12({ certificates, encryptedKey, friendlyName, password }: Pkcs12Contents, random: Random): Uint8Array {
  const [own = new Uint8Array(0)] = certificates;
  const identity = [
    attribute(OID.friendlyName, bmpString(friendlyName)),
    attribute(OID.localKeyId, octets(binary(sha256(own).subarray(0, 20)))),
  ];
  const certificateBags = certificates.map((der, index) => {
    if (encryptedKey !== undefined) return certificateBag(der, index === 0 ? identity : []);
    const alias = certificates.length === 1 ? friendlyName : `${friendlyName}-${index + 1}`;
    return certificateBag(der, [
      attribute(OID.friendlyName, bmpString(alias)),
      attribute(OID.trustedKeyUsage, oid(OID.anyExtendedKeyUsage)),
    ]);
  });
  const parts = [sequence(...certificateBags)];
  if (encryptedKey !== undefined) parts.push(sequence(bag(OID.shroudedKeyBag, fromDer(binary(encryptedKey)), identity)));
  const safe = derOf(sequence(...parts.map((part) => contentInfo(derOf(part)))));
  const pfx = sequence(integer(3), contentInfo(safe), macData(safe, password.reveal(), random.bytes(SALT_OCTETS)));
  return Buffer.from(derOf(pfx), 'latin1');
}

function contentInfo(content: string): Asn1 {
  return sequence(oid(OID.data), explicit(octets(content)));
}

function certificateBag(der: Uint8Array, attributes: readonly Asn1[]): Asn1 {
  return bag(OID.certBag, sequence(oid(OID.x509Certificate), explicit(octets(binary(der)))), attributes);
}

function bag(type: string, value: Asn1, attributes: readonly Asn1[]): Asn1 {
  return sequence(oid(type), explicit(value), ...(attributes.length === 0 ? [] : [set(...attributes)]));
}

function attribute(type: string, value: Asn1): Asn1 {
  return sequence(oid(type), set(value));
}

/** node-forge turns the text into UTF-16 itself. */
function bmpString(text: string): Asn1 {
  return universal(Type.BMPSTRING, false, text);
}

/** RFC 7292 section 4 and appendix B, over SHA-256. The MAC tells who guesses whether a password is right, so it costs as much as the key. */
function macData(safe: string, password: string, salt: Uint8Array): Asn1 {
  const key = forge.pkcs12.generateKey(
    password,
    forge.util.createBuffer(binary(salt)),
    MAC_ID,
    ITERATIONS,
    MAC_OCTETS,
    forge.md.sha256.create(),
  );
  const mac = createHmac('sha256', Buffer.from(key.getBytes(), 'latin1')).update(safe, 'latin1').digest();
  const algorithm = sequence(oid(OID.sha256), universal(Type.NULL, false, ''));
  return sequence(sequence(algorithm, octets(binary(mac))), octets(binary(salt)), integer(ITERATIONS));
}
