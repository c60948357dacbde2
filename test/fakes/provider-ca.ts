/** An authority that signs requests as identity providers do: its certificates are shaped like theirs. */
import { readCsrPem } from '../../src/core/join/node-key.ts';
import { toPem } from '../../src/core/encoding.ts';
import { formatInstant, type Instant } from '../../src/core/time.ts';
import type { Certificate } from '../../src/core/x509/certificate.ts';
import type { AlternativeName } from '../../src/core/x509/extension-writer.ts';
import { integer } from '../../src/core/x509/der-writer.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { type Authority, keyNamed, make } from '../core/x509/make.ts';

export const pemOf = ({ certificate }: { readonly certificate: Certificate }): string => toPem('CERTIFICATE', certificate.der);

export interface SigningOrder {
  readonly csrPem: string;
  readonly names: readonly AlternativeName[];
  readonly issuer: Authority;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Content octets of INTEGER. */
  readonly serialNumber: Uint8Array;
}

let serials = 0;

/** 16 octets, as SPIRE's and Vault's have them or more. */
export function nextSerial(): Uint8Array {
  serials += 1;
  return Uint8Array.from({ length: 16 }, (_, index) => (index === 15 ? serials : 0x51 + index));
}

export function signCsr({ csrPem, names, issuer, notBefore, notAfter, serialNumber }: SigningOrder): Authority {
  const csr = readCsrPem(csrPem);
  return make({
    issuer,
    key: { ...keyNamed('of the node'), spki: csr.spki },
    // As Vault and SPIRE write it.
    subject: writeName([
      ['C', 'US'],
      ['O', 'SPIRE'],
    ]),
    names,
    usages: ['digitalSignature', 'keyEncipherment', 'keyAgreement'],
    purposes: [OID.serverAuth, OID.clientAuth],
    notBefore: formatInstant(notBefore),
    notAfter: formatInstant(notAfter),
    parts: { serialNumber: integer(serialNumber) },
  });
}
