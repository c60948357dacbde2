/** A complete list that holds one certificate, as PKITS's deltaCRLCA1 has it. */
import { TAG } from '../../../src/core/x509/der.ts';
import { bitString, integer, sequence, tagged, time, tlv } from '../../../src/core/x509/der-writer.ts';
import { writeExtension } from '../../../src/core/x509/extension-writer.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { at, type Authority, ECDSA_SHA256 } from '../x509/make.ts';

export const enumerated = (value: number): Uint8Array => tlv(TAG.enumerated, Uint8Array.of(value));

export function holdList({ certificate, key }: Authority, serial: number): Uint8Array {
  const reason = writeExtension({ oid: OID.reasonCode, critical: false, value: enumerated(6) });
  const tbs = sequence(
    integer(1),
    ECDSA_SHA256,
    certificate.subject.der,
    time(at('2019-01-01T00:00:00Z')),
    time(at('2030-12-01T00:00:00Z')),
    sequence(sequence(integer(serial), time(at('2019-01-01T00:00:00Z')), sequence(reason))),
    tagged(0, sequence(writeExtension({ oid: OID.cRLNumber, critical: false, value: integer(1) }))),
  );
  return sequence(tbs, ECDSA_SHA256, bitString(key.sign(tbs, 'der') as Uint8Array));
}
