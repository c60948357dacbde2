/** Certificates of any shape, right or wrong, for tests of the readers and of path validation. */
import { generatePrivateKey, signingKey } from '../../../src/adapters/signatures.ts';
import type { KeyType, SigningKey } from '../../../src/core/key-ports.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';
import { type Certificate, parseCertificate } from '../../../src/core/x509/certificate.ts';
import { contextTag } from '../../../src/core/x509/der.ts';
import { bitString, integer, oid, sequence, setOf, tagged, text, time, tlv } from '../../../src/core/x509/der-writer.ts';
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
} from '../../../src/core/x509/extension-writer.ts';
import type { Extension } from '../../../src/core/x509/extensions.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';

export const at = (value: string): Instant => parseInstant(value) as Instant;
export const NOW = at('2026-11-22T10:00:00Z');

const keys = new Map<string, SigningKey>();

/** The same key for the same name: keys are dear. */
export function keyNamed(name: string, type: KeyType = 'p256'): SigningKey {
  const known = keys.get(`${type}/${name}`) ?? signingKey(generatePrivateKey(type));
  keys.set(`${type}/${name}`, known);
  return known;
}

export const ECDSA_SHA256 = sequence(oid(OID.ecdsaWithSha256));

export interface Parts {
  version?: Uint8Array;
  serialNumber?: Uint8Array;
  algorithm?: Uint8Array;
  outerAlgorithm?: Uint8Array;
  issuer?: Uint8Array;
  validity?: Uint8Array;
  subject?: Uint8Array;
  spki?: Uint8Array;
  /** Between spki and extensions. */
  uniqueIds?: Uint8Array;
  /** DER of each Extension, or of the whole field. */
  extensions?: readonly Uint8Array[];
  extensionsField?: Uint8Array;
  tail?: Uint8Array;
  signature?: Uint8Array;
}

const nothing = new Uint8Array(0);

/** A signed structure from parts; every part has a sound default. */
export function makeDer(parts: Parts, signer: SigningKey = keyNamed('self')): Uint8Array {
  const algorithm = parts.algorithm ?? ECDSA_SHA256;
  const tbs = sequence(
    parts.version ?? tagged(0, integer(2)),
    parts.serialNumber ?? integer(Uint8Array.from([0x41, ...Array.from({ length: 15 }, (_, index) => index)])),
    algorithm,
    parts.issuer ?? writeName([['CN', 'test']]),
    parts.validity ?? sequence(time(at('2026-01-01T00:00:00Z')), time(at('2036-01-01T00:00:00Z'))),
    parts.subject ?? writeName([['CN', 'test']]),
    parts.spki ?? signer.spki,
    parts.uniqueIds ?? nothing,
    parts.extensionsField ?? (parts.extensions === undefined ? nothing : tagged(3, sequence(...parts.extensions))),
    parts.tail ?? nothing,
  );
  return sequence(tbs, parts.outerAlgorithm ?? algorithm, bitString(parts.signature ?? (signer.sign(tbs, 'der') as Uint8Array)));
}

export interface Authority {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

export interface MakeOptions {
  /** Common name; an empty one makes an empty subject. */
  name?: string;
  subject?: Uint8Array;
  issuer?: Authority;
  /** Another issuer name than the issuer's. */
  issuerName?: Uint8Array;
  key?: SigningKey;
  ca?: boolean;
  pathLen?: number;
  usages?: Parameters<typeof keyUsage>[0] | null;
  purposes?: readonly string[] | null;
  names?: readonly AlternativeName[];
  notBefore?: string;
  notAfter?: string;
  /** Added after the others. */
  more?: readonly Extension[];
  /** Object identifiers of default extensions to leave out. */
  without?: readonly string[];
  serialNumber?: Uint8Array;
  parts?: Parts;
}

/** A sound certificate, with what the options change. */
export function make(options: MakeOptions = {}): Authority {
  const { issuer, ca = false } = options;
  const key = options.key ?? keyNamed(options.name ?? 'leaf');
  const subject = options.subject ?? (options.name === '' ? sequence() : writeName([['CN', options.name ?? 'leaf']]));
  const signer = issuer?.key ?? key;
  const names = options.names ?? (ca ? [] : [{ kind: 'dns', value: 'node.example.com' } as const]);
  const usages =
    options.usages === undefined ? (ca ? (['keyCertSign', 'cRLSign'] as const) : (['digitalSignature'] as const)) : options.usages;
  const purposes = options.purposes === undefined ? (ca ? null : [OID.serverAuth]) : options.purposes;
  const list: Extension[] = [
    ...(ca ? [basicConstraints(true, options.pathLen)] : []),
    ...(usages === null ? [] : [keyUsage(usages)]),
    ...(purposes === null ? [] : [extKeyUsage(purposes)]),
    ...(names.length === 0 ? [] : [subjectAltName(names, options.name === '')]),
    subjectKeyIdentifier(keyIdentifierOf(parseSpki(key.spki))),
    ...(issuer === undefined ? [] : [authorityKeyIdentifier(keyIdentifierOf(parseSpki(issuer.key.spki)))]),
  ].filter((extension) => !(options.without ?? []).includes(extension.oid));
  list.push(...(options.more ?? []));
  const der = makeDer(
    {
      issuer: options.issuerName ?? issuer?.certificate.subject.der ?? subject,
      subject,
      spki: key.spki,
      validity: sequence(time(at(options.notBefore ?? '2026-01-01T00:00:00Z')), time(at(options.notAfter ?? '2036-01-01T00:00:00Z'))),
      ...(options.serialNumber && { serialNumber: options.serialNumber }),
      ...(list.length > 0 && { extensions: list.map(writeExtension) }),
      ...options.parts,
    },
    signer,
  );
  return { certificate: parseCertificate(der), key };
}

/** nameConstraints from subtrees as DER of GeneralName. */
export function nameConstraints(permitted: readonly Uint8Array[], excluded: readonly Uint8Array[] = [], critical = true): Extension {
  const subtrees = (bases: readonly Uint8Array[], number: number) =>
    bases.length === 0 ? nothing : tagged(number, ...bases.map((base) => sequence(base)));
  return { oid: OID.nameConstraints, critical, value: sequence(subtrees(permitted, 0), subtrees(excluded, 1)) };
}

export const dns = (value: string): Uint8Array => text(contextTag(2, 'primitive'), value);
export const email = (value: string): Uint8Array => text(contextTag(1, 'primitive'), value);
export const uri = (value: string): Uint8Array => text(contextTag(6, 'primitive'), value);
export const ip = (...octets: number[]): Uint8Array => tlv(contextTag(7, 'primitive'), Uint8Array.from(octets));
export const directory = (...attributes: Parameters<typeof writeName>[0]): Uint8Array => tagged(4, writeName(attributes));

/** A Name of one attribute in a given string type. */
export const nameOf = (tag: number, value: Uint8Array, type = '2.5.4.3'): Uint8Array =>
  sequence(setOf(sequence(oid(type), tlv(tag, value))));
