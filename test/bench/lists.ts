/** Revocation lists: what one entry costs in a short list and in a long one. Linear time means that it costs the same. */
import { systemRandom } from '../../src/adapters/random.ts';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { toHex } from '../../src/core/encoding.ts';
import { instant } from '../../src/core/time.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { writeCrlEntry, writeTbsCertList } from '../../src/core/x509/crl-writer.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { caTemplate, newSerialNumber, writeSigned, writeTbs } from '../../src/core/x509/template.ts';
import { type Bench, median, type Row } from './measure.ts';

const SIZES = [1_000, 10_000, 100_000];
const TURNS = 3;
const [THIS_UPDATE, NEXT_UPDATE] = [instant(1_795_000_000), instant(1_795_600_000)];
const ENTRY = { at: THIS_UPDATE, reason: 'superseded' } as const;
/** Entries of one piece: a page of the store. */
const PAGE = 1000;
const key = signingKey(generatePrivateKey('p256'));

async function authority(): Promise<Certificate> {
  const validity = { notBefore: instant(1_790_000_000), notAfter: instant(1_890_000_000) };
  const request = { serialNumber: newSerialNumber(systemRandom), signer: 'p256', validity, subject: writeName([['CN', 'bench']]) } as const;
  const tbs = writeTbs(caTemplate({ ...request, spki: key.spki }));
  return parseCertificate(writeSigned(tbs, 'p256', await key.sign(tbs, 'der')));
}

/** Microseconds of processor time for each entry: written, signed as one list, and read back. */
async function perEntry(issuer: Certificate, serials: readonly string[]): Promise<number> {
  const start = process.cpuUsage();
  const entries: Uint8Array[] = [];
  for (let from = 0; from < serials.length; from += PAGE)
    entries.push(Buffer.concat(serials.slice(from, from + PAGE).map((serialNumber) => writeCrlEntry({ serialNumber, ...ENTRY }))));
  const list = { issuer, signer: 'p256', number: 1, thisUpdate: THIS_UPDATE, nextUpdate: NEXT_UPDATE, entries } as const;
  const tbs = writeTbsCertList(list);
  const { revoked } = parseRevocationList(writeSigned(tbs, 'p256', await key.sign(tbs, 'der')), 'list');
  const { user, system } = process.cpuUsage(start);
  if (revoked.size !== serials.length) throw new Error(`expected ${serials.length} entries, found ${revoked.size}`);
  return (user + system) / serials.length;
}

async function run(): Promise<readonly Row[]> {
  const issuer = await authority();
  const rows: Row[] = [];
  let first: number | undefined;
  for (const size of SIZES) {
    const serials = Array.from({ length: size }, () => toHex(newSerialNumber(systemRandom)));
    const turns: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) turns.push(await perEntry(issuer, serials));
    const value = median(turns);
    first ??= value;
    rows.push({
      what: `write and read back ${size} entries`,
      value: `${value.toFixed(1)} µs each`,
      ratio: `${(value / first).toFixed(2)} x`,
    });
  }
  return rows;
}

export const lists: Bench = { title: 'Revocation lists', run };
