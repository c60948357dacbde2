/** Names for subjectAltName from text: strict, one spelling each, so that a name cannot look like another. */
import { JoineryError } from '../errors.ts';
import type { AlternativeName } from './extension-writer.ts';
import { isCertificateDnsName, isWildcardName } from './host-names.ts';
import { parseSpiffeId } from './spiffe-id.ts';

export type NameKind = AlternativeName['kind'];

const MAX_URI_OCTETS = 2048;
/** RFC 3986 characters after a scheme, without a space, a control character or anything that is not ASCII. */
const URI = /^[a-z][a-z0-9+.-]*:[!#$&-;=?-Z_a-z~[\]%]+$/;
const EMAIL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9.-]+)$/;

/** One name of the kind. @param what names it in the error: `--dns`. @throws ERR_CERTIFICATE_NAME */
export function parseAlternativeName(kind: NameKind, text: string, what: string): AlternativeName {
  switch (kind) {
    case 'dns':
      return { kind, value: parseDns(text, what) };
    case 'ip':
      return { kind, bytes: parseAddress(text, what) };
    case 'email':
      return { kind, value: parseEmail(text, what) };
    case 'uri':
      return { kind, value: parseUri(text, what) };
  }
}

/** A host as people write it: an address, or else a DNS name. @throws ERR_CERTIFICATE_NAME */
export function parseHost(text: string, what: string): AlternativeName {
  const address = addressOf(text);
  return address === undefined ? { kind: 'dns', value: parseDns(text, what) } : { kind: 'ip', bytes: address };
}

function parseDns(text: string, what: string): string {
  const name = text.toLowerCase();
  // A name whose last label is a number is an address to many readers (WHATWG URL).
  const named = (isCertificateDnsName(name) || isWildcardName(name)) && !/(?:^|\.)\d+$/.test(name);
  if (!named) throw nameError(what, 'a DNS name like a.example or *.a.example', text);
  return name;
}

function parseEmail(text: string, what: string): string {
  const host = EMAIL.exec(text)?.[1];
  if (host === undefined || text.length > 254 || !isCertificateDnsName(host)) throw nameError(what, 'a mailbox like ops@a.example', text);
  return text;
}

function parseUri(text: string, what: string): string {
  if (text.startsWith('spiffe:')) return parseSpiffeId(text, what).id;
  if (text.length > MAX_URI_OCTETS || !URI.test(text)) throw nameError(what, 'a URI in ASCII with a scheme in lower case', text);
  return text;
}

/** 4 or 16 octets. @throws ERR_CERTIFICATE_NAME */
export function parseAddress(text: string, what: string): Uint8Array {
  const address = addressOf(text);
  if (address === undefined) throw nameError(what, 'an IPv4 or IPv6 address without zone or prefix length', text);
  return address;
}

/** undefined when `text` is no address in the usual form: dotted decimal without leading zeros, or RFC 4291 section 2.2. */
export function addressOf(text: string): Uint8Array | undefined {
  return text.includes(':') ? ipv6(text) : ipv4(text);
}

function ipv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const wrong = parts.length !== 4 || parts.some((part) => !/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255);
  return wrong ? undefined : Uint8Array.from(parts, Number);
}

function ipv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = [octetsOf(halves[0] as string, halves.length === 1), octetsOf(halves[1] ?? '', true)];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group of zeros (RFC 4291 section 2.2).
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return Uint8Array.from([...head, ...new Uint8Array(missing), ...tail]);
}

/** Octets of groups of hex digits, of which the last of the address may be an IPv4 address. */
function octetsOf(half: string, isEnd: boolean): number[] | undefined {
  if (half === '') return [];
  const groups = half.split(':');
  const octets: number[] = [];
  for (const [index, group] of groups.entries()) {
    const embedded = isEnd && index === groups.length - 1 ? ipv4(group) : undefined;
    if (embedded === undefined && !/^[0-9A-Fa-f]{1,4}$/.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    octets.push(...(embedded ?? [value >> 8, value & 0xff]));
  }
  return octets;
}

function nameError(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_CERTIFICATE_NAME', `${what}: expected ${expected}, found ${JSON.stringify(found.slice(0, 100))}`);
}
