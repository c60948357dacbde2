/** Whether a certificate is for the one that was asked for (RFC 6125, RFC 9525): by subjectAltName only, never by common name. */
import { equalBytes } from '../encoding.ts';
import type { Certificate } from './certificate.ts';
import { coversHost } from './host-names.ts';

export type ReferenceIdentity =
  | { readonly kind: 'dns' | 'uri' | 'email'; readonly value: string }
  /** 4 or 16 octets. */
  | { readonly kind: 'ip'; readonly bytes: Uint8Array };

export function hasIdentity({ extensions }: Certificate, wanted: ReferenceIdentity): boolean {
  return (extensions.subjectAltName ?? []).some((name) => {
    switch (wanted.kind) {
      case 'dns':
        return name.kind === 'dns' && coversHost(name.value, wanted.value);
      case 'ip':
        return name.kind === 'ip' && equalBytes(name.bytes, wanted.bytes);
      case 'uri':
        return name.kind === 'uri' && name.value === wanted.value;
      default:
        return name.kind === 'email' && sameMailbox(name.value, wanted.value);
    }
  });
}

/** The host part without case (RFC 5280 section 7.5). */
function sameMailbox(a: string, b: string): boolean {
  const parts = (address: string): [string, string] => [
    address.slice(0, address.lastIndexOf('@')),
    address.slice(address.lastIndexOf('@')).toLowerCase(),
  ];
  const [[localA, hostA], [localB, hostB]] = [parts(a), parts(b)];
  return localA === localB && hostA === hostB;
}
