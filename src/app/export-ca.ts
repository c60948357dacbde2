/** The public certificate of an authority, alone or with those above it. */
import { toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { WritePkcs12 } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { writeCertificateBundle } from '../core/x509/certificate-bundle.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { caFile } from './create-ca.ts';
import { readCrosses } from './cross-records.ts';
import type { Realm } from './realm.ts';

export const CA_EXPORT_FORMATS = ['pem', 'der', 'chain', 'p7b', 'p12'] as const;
export type CaExportFormat = (typeof CA_EXPORT_FORMATS)[number];

/** One authority. @throws ERR_CA_NOT_FOUND */
export function showCa(realm: Pick<Realm, 'store'>, caName: string): Promise<CertificateAuthority> {
  return readCa(realm, caName, 'NAME');
}

/** An authority and those above it, up to the root. @throws ERR_CA_NOT_FOUND */
export async function caChain(realm: Pick<Realm, 'store'>, caName: string): Promise<readonly CertificateAuthority[]> {
  const chain = [await showCa(realm, caName)];
  let parent = chain[0]?.record.parent;
  // A damaged store could name a circle.
  while (parent !== undefined && chain.every(({ record }) => record.name !== parent)) {
    const above = await readCa(realm, parent, `parent of ${chain.at(-1)?.record.name}`);
    chain.push(above);
    parent = above.record.parent;
  }
  return chain;
}

interface CaExportNames {
  readonly name: string;
  /** The authority that cross-signed it: its cross-certificate takes the place of its own, and the chain goes on above that authority. */
  readonly via?: string | undefined;
}

interface PlainForm {
  readonly format: Exclude<CaExportFormat, 'p12'>;
}

interface TrustStoreForm {
  readonly format: 'p12';
  readonly write: WritePkcs12;
  /** Of the store: its MAC is made with it. */
  readonly password: Secret;
}

/** The form of the output, and what making it takes. */
export type CaExportForm = PlainForm | TrustStoreForm;
export type CaExportInput = CaExportNames & CaExportForm;

export interface CaExport {
  readonly ca: CertificateAuthority;
  readonly bytes: Uint8Array;
}

/**
 * `pem` or `der` of the certificate; or from it to the root the PEM `chain`, `p7b` (PKCS #7 in PEM) or `p12` (a trust store: to its
 * readers each certificate in it is an anchor). Writes `ca/<name>.crt` again where it is missing
 * (it is written after the commit, so a crash can lose it).
 * @throws ERR_CA_NOT_FOUND
 */
export async function exportCa(realm: Realm, input: CaExportInput): Promise<CaExport> {
  const chain = input.via === undefined ? await caChain(realm, input.name) : await crossChain(realm, input.name, input.via);
  const ca = await showCa(realm, input.name);
  const path = `${realm.directory}/${caFile(ca.record.name)}`;
  if ((await realm.files.stat(path)) === undefined) await realm.files.create(path, utf8(ca.record.certificate_pem), 0o644);
  return { ca, bytes: await bytesOf(input, chain) };
}

/** The cross-certificate, then the authority that signed it and those above. @throws ERR_CERTIFICATE_NOT_FOUND, ERR_CA_NOT_FOUND */
async function crossChain(realm: Pick<Realm, 'store'>, caName: string, via: string): Promise<readonly CertificateAuthority[]> {
  const own = await showCa(realm, caName);
  const cross = (await readCrosses(realm, caName)).find(({ record }) => record.by === via);
  if (cross === undefined) {
    throw new JoineryError('ERR_CERTIFICATE_NOT_FOUND', `--via: expected an authority that cross-signed ${caName}, found ${via}`, {
      hint: `joinery ca cross-sign ${caName} --by ${via} makes the certificate`,
    });
  }
  const { certificate, record } = cross;
  const first = { ...own, certificate, record: { ...own.record, certificate_pem: record.certificate_pem } };
  return [first, ...(await caChain(realm, via))];
}

async function bytesOf(input: CaExportInput, chain: readonly CertificateAuthority[]): Promise<Uint8Array> {
  const [ca] = chain as [CertificateAuthority, ...CertificateAuthority[]];
  const certificates = chain.map(({ certificate }) => certificate.der);
  switch (input.format) {
    case 'pem':
      return utf8(ca.record.certificate_pem);
    case 'der':
      return ca.certificate.der;
    case 'chain':
      return utf8(chain.map(({ record }) => record.certificate_pem).join(''));
    case 'p7b':
      return utf8(toPem('PKCS7', writeCertificateBundle(certificates)));
    case 'p12':
      return input.write({ certificates, friendlyName: input.name, password: input.password });
  }
}
