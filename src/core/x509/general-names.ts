/** GeneralName (RFC 5280 section 4.2.1.6). */
import { type DerReader, derError, type DerValue, TAG } from './der.ts';
import { asciiOf, oidOf } from './der-values.ts';
import { type Name, readName } from './names.ts';

export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  /** 4 or 16 octets; in a name constraint 8 or 32: address and mask. */
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'other'; readonly type: string; readonly der: Uint8Array }
  | { readonly kind: 'registered'; readonly oid: string; readonly der: Uint8Array }
  /** x400Address or ediPartyName: kept, never read. */
  | { readonly kind: 'x400' | 'edi'; readonly der: Uint8Array };

/** Reads the next GeneralName. @throws ERR_DER_MALFORMED */
export function readGeneralName(reader: DerReader, what: string): GeneralName {
  const value = reader.any('generalName');
  switch (value.tag) {
    case 0xa0:
      return otherName(reader, value, what);
    case 0x81:
      return { kind: 'email', value: asciiOf(value.content, `${what} rfc822Name`) };
    case 0x82:
      return { kind: 'dns', value: asciiOf(value.content, `${what} dNSName`) };
    case 0xa3:
      return { kind: 'x400', der: value.bytes };
    case 0xa4: {
      // Name is a CHOICE, so its tag is explicit (X.680 section 31.2.7).
      const inner = reader.inside(value, 'directoryName');
      const name = readName(inner.next(TAG.sequence, 'name'), `${what} directoryName`);
      inner.end();
      return { kind: 'directory', name };
    }
    case 0xa5:
      return { kind: 'edi', der: value.bytes };
    case 0x86:
      return { kind: 'uri', value: asciiOf(value.content, `${what} uniformResourceIdentifier`) };
    case 0x87:
      return { kind: 'ip', bytes: value.content };
    case 0x88:
      return { kind: 'registered', oid: oidOf(value, `${what} registeredID`), der: value.bytes };
    default:
      throw derError(what, `expected a GeneralName, found tag 0x${value.tag.toString(16)}`);
  }
}

function otherName(reader: DerReader, value: DerValue, what: string): GeneralName {
  const inner = reader.inside(value, 'otherName');
  const type = oidOf(inner.next(TAG.oid, 'type-id'), `${what} otherName`);
  inner.next(0xa0, 'value');
  inner.end();
  return { kind: 'other', type, der: value.bytes };
}

/** For people: `DNS:a.example`, `IP:10.0.0.1`, `URI:spiffe://...`. */
export function generalNameText(name: GeneralName): string {
  switch (name.kind) {
    case 'dns':
      return `DNS:${name.value}`;
    case 'email':
      return `email:${name.value}`;
    case 'uri':
      return `URI:${name.value}`;
    case 'ip':
      return `IP:${ipText(name.bytes)}`;
    case 'directory':
      return `DirName:${name.name.text}`;
    case 'registered':
      return `RID:${name.oid}`;
    case 'other':
      return `otherName:${name.type}`;
    default:
      return name.kind;
  }
}

/** Text of an address of 4 or 16 octets, or of a subnet (address and mask) of 8 or 32, as in RFC 4632. IPv6 as in RFC 5952. */
export function ipText(bytes: Uint8Array): string {
  const half = bytes.length / 2;
  if (bytes.length === 8 || bytes.length === 32) return `${ipText(bytes.subarray(0, half))}/${prefixText(bytes.subarray(half))}`;
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: half }, (_, index) =>
    (((bytes[index * 2] as number) << 8) | (bytes[index * 2 + 1] as number)).toString(16),
  );
  const runs = [...groups.join(':').matchAll(/(?:^|(?<=:))0(?::0)+(?=:|$)/g)];
  const longest = runs.reduce<RegExpExecArray | undefined>(
    (best, run) => (best === undefined || run[0].length > best[0].length ? run : best),
    undefined,
  );
  const text = groups.join(':');
  if (longest === undefined) return text;
  return `${text.slice(0, longest.index).replace(/:$/, '')}::${text.slice(longest.index + longest[0].length).replace(/^:/, '')}`;
}

/** The length of a prefix; of a mask with holes, the mask. */
function prefixText(mask: Uint8Array): string {
  const bits = maskBits(mask);
  return /^1*0*$/.test(bits) ? String(bits.indexOf('0') === -1 ? bits.length : bits.indexOf('0')) : ipText(mask);
}

export function maskBits(mask: Uint8Array): string {
  return [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
}
