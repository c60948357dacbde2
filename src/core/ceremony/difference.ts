/** Where two to-be-signed structures differ first, by the names of RFC 5280. */
import { equalBytes, toHex } from '../encoding.ts';
import { formatInstant } from '../time.ts';
import { contextTag, type DerValue, enterDer, TAG } from '../x509/der.ts';
import { oidOf, timeOf } from '../x509/der-values.ts';
import { parseName } from '../x509/names.ts';
import { oidText } from '../x509/oids.ts';

const CERTIFICATE = ['version', 'serialNumber', 'signature', 'issuer', 'validity', 'subject', 'subjectPublicKeyInfo', 'extensions'];
const LIST = ['version', 'signature', 'issuer', 'thisUpdate', 'nextUpdate', 'revokedCertificates', 'crlExtensions'];

/** @returns `subject: expected CN=a, found CN=b`, or undefined when they are the same. */
export function firstDifference(kind: 'certificate' | 'list', expected: Uint8Array, found: Uint8Array): string | undefined {
  if (equalBytes(expected, found)) return undefined;
  const [meant, signed] = [fieldsOf(kind, expected), fieldsOf(kind, found)];
  for (const name of kind === 'certificate' ? CERTIFICATE : LIST) {
    const [want, have] = [meant.get(name), signed.get(name)];
    const same = want !== undefined && have !== undefined ? equalBytes(want.bytes, have.bytes) : want === have;
    if (!same)
      return want !== undefined && have !== undefined && EXTENSIONS.has(name)
        ? extensionDifference(want, have)
        : sentence(name, want, have);
  }
  return 'expected the fields of the ceremony and no others, found more';
}

const EXTENSIONS: ReadonlySet<string> = new Set(['extensions', 'crlExtensions']);

/** revokedCertificates may be left out: what stands in its place with a context tag is crlExtensions. */
function fieldsOf(kind: 'certificate' | 'list', tbs: Uint8Array): ReadonlyMap<string, DerValue> {
  const values = enterDer(tbs, TAG.sequence, 'tbs').all((reader) => reader.any('field'));
  const names =
    kind === 'list' && values[5]?.tag === contextTag(0)
      ? LIST.filter((name) => name !== 'revokedCertificates')
      : kind === 'list'
        ? LIST
        : CERTIFICATE;
  return new Map(values.map((value, place) => [names[place] ?? `field ${place + 1}`, value]));
}

function sentence(name: string, want: DerValue | undefined, have: DerValue | undefined): string {
  return `${name}: expected ${shown(name, want)}, found ${shown(name, have)}`;
}

function shown(name: string, value: DerValue | undefined): string {
  if (value === undefined) return 'none';
  if (name === 'issuer' || name === 'subject') return parseName(value.bytes, name).text;
  if (name === 'thisUpdate' || name === 'nextUpdate') return formatInstant(timeOf(value, name));
  if (name === 'validity') {
    return enterDer(value.bytes, TAG.sequence, name)
      .all((reader) => formatInstant(timeOf(reader.any('time'), name)))
      .join(' to ');
  }
  const hex = toHex(value.content);
  return hex.length <= 64 ? hex : `${hex.slice(0, 64)}... (${value.content.length} octets)`;
}

function extensionDifference(want: DerValue, have: DerValue): string {
  const [meant, signed] = [extensionsOf(want), extensionsOf(have)];
  const place = meant.findIndex((entry, index) => signed[index]?.hex !== entry.hex);
  const [expected, found] = place === -1 ? [undefined, signed[meant.length]] : [meant[place], signed[place]];
  return `extension ${(expected ?? found)?.name}: expected ${expected?.hex ?? 'none'}, found ${found?.hex ?? 'none'}`;
}

function extensionsOf({ bytes, tag }: DerValue): { name: string; hex: string }[] {
  return enterDer(bytes, tag, 'extensions')
    .enter(TAG.sequence, 'extensions')
    .all((reader) => {
      const value = reader.next(TAG.sequence, 'extension');
      return {
        name: oidText(oidOf(reader.inside(value, 'extension').next(TAG.oid, 'extnID'), 'extension')),
        hex: toHex(value.content),
      };
    });
}
