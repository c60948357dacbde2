/** Subtrees of name constraints from text (RFC 5280 section 4.2.1.10): strict, one spelling each. */
import { concat } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { addressOf, type NameKind } from './alternative-names.ts';
import { type GeneralName, ipText } from './general-names.ts';
import { isCertificateDnsName } from './host-names.ts';

/** Stands for every name of the kind. */
const EVERY = '*';

/** One subtree. @param what names it in the error: `--permit-dns`. @throws ERR_CERTIFICATE_NAME */
export function parseSubtree(kind: NameKind, text: string, what: string): GeneralName {
  if (kind === 'ip') return { kind, bytes: parseSubnet(text, what) };
  const value = text === EVERY ? '' : READERS[kind](text.toLowerCase(), text);
  if (value !== undefined) return { kind, value };
  throw subtreeError(what, FORMS[kind], text);
}

const FORMS: Readonly<Record<Exclude<NameKind, 'ip'>, string>> = {
  dns: 'a DNS name without dot or wildcard before it, which holds all names below it, like a.example, or * for every name',
  uri: 'the host of URIs like td.example, a domain like .example for the hosts below it, or * for every host',
  email: 'a host of mailboxes like a.example, a domain like .example for the hosts below it, a mailbox, or * for every mailbox',
};

type Reader = (lower: string, text: string) => string | undefined;

const READERS: Readonly<Record<Exclude<NameKind, 'ip'>, Reader>> = {
  dns: (lower) => (isHost(lower) ? lower : undefined),
  uri: hostOrDomain,
  email: (lower, text) => {
    const at = text.lastIndexOf('@');
    if (at === -1) return hostOrDomain(lower);
    // Case counts before the sign only (RFC 5280 section 7.5).
    const local = text.slice(0, at);
    return LOCAL.test(local) && isHost(lower.slice(at + 1)) ? `${local}${lower.slice(at)}` : undefined;
  },
};

const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;

function hostOrDomain(lower: string): string | undefined {
  return isHost(lower.replace(/^\./, '')) ? lower : undefined;
}

/** A name whose last label is a number is an address to many readers (WHATWG URL). */
function isHost(text: string): boolean {
  return isCertificateDnsName(text) && !/(?:^|\.)\d+$/.test(text);
}

/** Address and mask from `10.0.0.0/8`; of an address alone, all bits count. @throws ERR_CERTIFICATE_NAME */
function parseSubnet(text: string, what: string): Uint8Array {
  const [, host = '', length] = /^([^/]*)(?:\/(0|[1-9]\d{0,2}))?$/.exec(text) ?? [];
  const address = addressOf(host);
  const most = (address?.length ?? 0) * 8;
  const prefix = length === undefined ? most : Number(length);
  if (address === undefined || prefix > most) throw subtreeError(what, 'a subnet like 10.0.0.0/8 or fd00::/8, or an address', text);
  const mask = address.map((_, index) => 0xff & ~(0xff >> Math.min(8, Math.max(0, prefix - index * 8))));
  const subnet = concat(
    address.map((octet, index) => octet & (mask[index] as number)),
    mask,
  );
  if (address.some((octet, index) => octet !== subnet[index]))
    throw subtreeError(what, `the first address of the subnet, ${ipText(subnet)}`, text);
  return subnet;
}

function subtreeError(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_CERTIFICATE_NAME', `${what}: expected ${expected}, found ${JSON.stringify(found.slice(0, 100))}`);
}
