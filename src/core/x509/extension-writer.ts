/** Extensions of the certificates that joinery makes (RFC 5280 section 4.2). */
import { sha256 } from '../digest.ts';
import { concat } from '../encoding.ts';
import { contextTag, TAG } from './der.ts';
import { integer, namedBits, octetString, oid, sequence, tagged, text, tlv, TRUE } from './der-writer.ts';
import { type Extension, KEY_USAGES, type KeyUsageName } from './extensions.ts';
import type { GeneralName } from './general-names.ts';
import type { NameConstraints } from './name-constraints-extension.ts';
import { OID } from './oids.ts';
import type { SubjectPublicKeyInfo } from './algorithms.ts';

/** A name that a certificate of joinery may carry in subjectAltName. */
export type AlternativeName =
  { readonly kind: 'dns' | 'uri' | 'email'; readonly value: string } | { readonly kind: 'ip'; readonly bytes: Uint8Array };

const extension = (oidOf: string, critical: boolean, value: Uint8Array): Extension => ({ oid: oidOf, critical, value });

export function basicConstraints(cA: boolean, pathLenConstraint?: number): Extension {
  const pathLen = pathLenConstraint === undefined ? [] : [integer(pathLenConstraint)];
  return extension(OID.basicConstraints, true, sequence(...(cA ? [TRUE, ...pathLen] : [])));
}

export function keyUsage(usages: readonly KeyUsageName[]): Extension {
  return extension(OID.keyUsage, true, namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))));
}

export function extKeyUsage(purposes: readonly string[]): Extension {
  return extension(OID.extKeyUsage, false, sequence(...purposes.map(oid)));
}

const NAME_TAGS = { email: 1, dns: 2, uri: 6, ip: 7 } as const;

/** @param critical true when the subject is empty (RFC 5280 section 4.2.1.6). */
export function subjectAltName(names: readonly AlternativeName[], critical: boolean): Extension {
  return extension(OID.subjectAltName, critical, sequence(...names.map(writeAlternativeName)));
}

/** GeneralName (RFC 5280 section 4.2.1.6). */
export function writeAlternativeName(name: AlternativeName): Uint8Array {
  const tag = contextTag(NAME_TAGS[name.kind], 'primitive');
  return name.kind === 'ip' ? tlv(tag, name.bytes) : text(tag, name.value);
}

/** Any GeneralName; of the forms that are kept and never read, the bytes they came as. */
export function writeGeneralName(name: GeneralName): Uint8Array {
  if (name.kind === 'directory') return tagged(4, name.name.der);
  return 'der' in name ? name.der : writeAlternativeName(name);
}

/** Critical (RFC 5280 section 4.2.1.10), each subtree without minimum and maximum. */
export function nameConstraints({ permitted, excluded }: NameConstraints): Extension {
  const subtrees = (number: number, bases: readonly GeneralName[]): Uint8Array =>
    bases.length === 0 ? new Uint8Array(0) : tagged(number, ...bases.map((base) => sequence(writeGeneralName(base))));
  return extension(OID.nameConstraints, true, sequence(subtrees(0, permitted), subtrees(1, excluded)));
}

/** RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the contents of the subjectPublicKey BIT STRING. */
export function keyIdentifierOf(key: SubjectPublicKeyInfo): Uint8Array {
  return sha256(key.bits).subarray(0, 20);
}

export function subjectKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(OID.subjectKeyIdentifier, false, octetString(identifier));
}

export function authorityKeyIdentifier(identifier: Uint8Array): Extension {
  return extension(OID.authorityKeyIdentifier, false, sequence(tlv(contextTag(0, 'primitive'), identifier)));
}

/** DER of the extensions field of tbsCertificate. */
export function writeExtensions(list: readonly Extension[]): Uint8Array {
  return tagged(3, sequence(...list.map(writeExtension)));
}

export function writeExtension({ oid: type, critical, value }: Extension): Uint8Array {
  return tlv(TAG.sequence, concat(oid(type), critical ? TRUE : new Uint8Array(0), octetString(value)));
}
