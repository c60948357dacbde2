/** DNS names of certificates: their form, and whether one covers a host (RFC 6125 sections 6.4.1 to 6.4.3, RFC 9525). */

const LABEL = '(?!-)[A-Za-z0-9_-]{1,63}(?<!-)';
const NAME = new RegExp(`^(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

/** A DNS name as RFC 5280 section 4.2.1.6 wants it in a certificate (RFC 1034 preferred syntax; underscores are met in practice). */
export function isCertificateDnsName(name: string): boolean {
  return NAME.test(name) && !isAllDigitsLast(name);
}

/** A name whose last label is a number is an address to many readers (WHATWG URL). */
function isAllDigitsLast(name: string): boolean {
  return /(?:^|\.)\d+$/.test(name);
}

/** A wildcard stands alone in the left-most label and covers exactly one label of a name with at least two more. */
export function isWildcardName(name: string): boolean {
  return name.startsWith('*.') && isCertificateDnsName(name.slice(2)) && name.slice(2).includes('.');
}

/** True when the presented dNSName covers the host, without case. */
export function coversHost(presented: string, host: string): boolean {
  const [name, wanted] = [presented.toLowerCase(), host.toLowerCase()];
  if (!isCertificateDnsName(wanted)) return false;
  if (isCertificateDnsName(name)) return name === wanted;
  return isWildcardName(name) && wanted.includes('.') && wanted.slice(wanted.indexOf('.')) === name.slice(1);
}
