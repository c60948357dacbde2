/** A complete revocation list of a test authority. */
import { bitString, integer, sequence, tagged, time } from '../../../src/core/x509/der-writer.ts';
import { writeExtension } from '../../../src/core/x509/extension-writer.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { at, type Authority, ECDSA_SHA256 } from '../x509/make.ts';

export function writeCrl(
  { certificate, key }: Authority,
  serials: readonly number[] = [],
  thisUpdate = '2026-11-01T00:00:00Z',
): Uint8Array {
  const entries = serials.map((serial) => sequence(integer(serial), time(at(thisUpdate))));
  const tbs = sequence(
    integer(1),
    ECDSA_SHA256,
    certificate.subject.der,
    time(at(thisUpdate)),
    time(at('2030-12-01T00:00:00Z')),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tagged(0, sequence(writeExtension({ oid: OID.cRLNumber, critical: false, value: integer(1) }))),
  );
  return sequence(tbs, ECDSA_SHA256, bitString(key.sign(tbs, 'der') as Uint8Array));
}
