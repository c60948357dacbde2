/** The public certificate of an authority, alone or with those above it. */
import { utf8 } from '../core/encoding.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { caFile } from './create-ca.ts';
import type { Realm } from './realm.ts';

export const CA_EXPORT_FORMATS = ['pem', 'der', 'chain'] as const;
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

export interface CaExport {
  readonly ca: CertificateAuthority;
  readonly bytes: Uint8Array;
}

/**
 * `pem` or `der` of the certificate, or the PEM `chain` from it to the root. Writes `ca/<name>.crt` again where it is missing
 * (it is written after the commit, so a crash can lose it).
 * @throws ERR_CA_NOT_FOUND
 */
export async function exportCa(realm: Realm, input: { readonly name: string; readonly format: CaExportFormat }): Promise<CaExport> {
  const chain = await caChain(realm, input.name);
  const [ca] = chain as [CertificateAuthority, ...CertificateAuthority[]];
  const path = `${realm.directory}/${caFile(ca.record.name)}`;
  if ((await realm.files.stat(path)) === undefined) await realm.files.create(path, utf8(ca.record.certificate_pem), 0o644);
  return { ca, bytes: bytesOf(input.format, chain) };
}

function bytesOf(format: CaExportFormat, chain: readonly CertificateAuthority[]): Uint8Array {
  const [ca] = chain as [CertificateAuthority, ...CertificateAuthority[]];
  switch (format) {
    case 'pem':
      return utf8(ca.record.certificate_pem);
    case 'der':
      return ca.certificate.der;
    case 'chain':
      return utf8(chain.map(({ record }) => record.certificate_pem).join(''));
  }
}
