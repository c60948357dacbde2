/** The outside of a PKCS #12 file (RFC 7292): what it holds and how it is protected, without its password. */
import { type DerReader, enterDer, readDer, TAG } from './der.ts';
import { oidOf, smallIntegerOf } from './der-values.ts';

export interface Pkcs12Outline {
  readonly version: number;
  /** Object identifier of the MAC's hash; undefined without a MAC. */
  readonly macAlgorithm: string | undefined;
  readonly macIterations: number | undefined;
  /** Object identifiers of the kinds of bags in the parts that are not encrypted. */
  readonly bags: readonly string[];
  /** Parts that are encrypted as a whole. */
  readonly encryptedParts: number;
}

export const PKCS12_OID = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certBag: '1.2.840.113549.1.12.10.1.3',
} as const;

/** @throws ERR_DER_MALFORMED also for BER with indefinite lengths, which old programs write. */
export function readPkcs12Outline(der: Uint8Array, what: string): Pkcs12Outline {
  const pfx = enterDer(der, TAG.sequence, what);
  const version = smallIntegerOf(pfx.next(TAG.integer, 'version'), what);
  const safe = dataOf(pfx.enter(TAG.sequence, 'authSafe'), what);
  const mac = pfx.done ? undefined : readMac(pfx.enter(TAG.sequence, 'macData'), what);
  pfx.end();
  const parts =
    safe === undefined ? [undefined] : enterDer(safe, TAG.sequence, what).all((reader) => dataOf(reader.enter(TAG.sequence, 'part'), what));
  return {
    version,
    macAlgorithm: mac?.algorithm,
    macIterations: mac?.iterations,
    bags: parts.flatMap((part) => (part === undefined ? [] : bagsOf(part, what))),
    encryptedParts: parts.filter((part) => part === undefined).length,
  };
}

/** Contents of a ContentInfo of type data; undefined for another type. */
function dataOf(info: DerReader, what: string): Uint8Array | undefined {
  const type = oidOf(info.next(TAG.oid, 'contentType'), what);
  const content = info.next(0xa0, 'content');
  info.end();
  return type === PKCS12_OID.data ? readDer(content.content, TAG.octetString, what).content : undefined;
}

function bagsOf(part: Uint8Array, what: string): string[] {
  return enterDer(part, TAG.sequence, what).all((reader) => oidOf(reader.enter(TAG.sequence, 'bag').next(TAG.oid, 'bagId'), what));
}

function readMac(mac: DerReader, what: string): { algorithm: string; iterations: number } {
  const digest = mac.enter(TAG.sequence, 'mac');
  const algorithm = oidOf(digest.enter(TAG.sequence, 'digestAlgorithm').next(TAG.oid, 'algorithm'), what);
  mac.next(TAG.octetString, 'macSalt');
  // RFC 7292 section 4: DEFAULT 1.
  const iterations = mac.done ? 1 : smallIntegerOf(mac.next(TAG.integer, 'iterations'), what);
  mac.end();
  return { algorithm, iterations };
}
