/** DNS names of certificates: their form, and whether one covers a host (RFC 6125 sections 6.4.1 to 6.4.3, RFC 9525). */

/** RFC 1034 section 3.5 with RFC 1123's digits: RFC 5280 section 4.2.1.6 asks for this "preferred name syntax". */
const LABEL = '(?!-)[A-Za-z0-9-]{1,63}(?<!-)';
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

export function isCertificateDnsName(name: string): boolean {
  return NAME.test(name);
}

/** A name whose last label is a number is an address to many readers (WHATWG URL). */
function isAddressLike(name: string): boolean {
  return /(?:^|\.)\d+$/.test(name);
}

/** A wildcard stands alone in the left-most label. */
export function isWildcardName(name: string): boolean {
  return name.startsWith('*.') && isCertificateDnsName(name.slice(2));
}

/**
 * True when the presented dNSName covers the host, without case. A wildcard covers exactly one label, of a name with at least two
 * more: `*.com` covers nothing. An address is never covered by a dNSName.
 */
export function coversHost(presented: string, host: string): boolean {
  const [name, wanted] = [presented.toLowerCase(), host.toLowerCase()];
  if (!isCertificateDnsName(wanted) || isAddressLike(wanted)) return false;
  if (isCertificateDnsName(name)) return name === wanted;
  if (!isWildcardName(name) || !name.slice(2).includes('.')) return false;
  return wanted.includes('.') && wanted.slice(wanted.indexOf('.')) === name.slice(1);
}
