/** Certificates and revocation lists as people keep them: PEM with one or more blocks, or the DER of one. */
import { decodeUtf8, parsePem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { parseRevocationList, type RevocationList } from './crl.ts';

/** A file's contents, with its name for messages. */
export interface NamedBytes {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** All certificates of a file, at least one, in its order. @throws ERR_CERTIFICATE_MALFORMED, ERR_PEM_MALFORMED, ERR_ENCODING_MALFORMED */
export function readCertificateFile(file: NamedBytes): Certificate[] {
  return readFile(file, 'CERTIFICATE', parseCertificate);
}

/** As {@link readCertificateFile}, for certificates that nobody vouches for: one that is malformed is left out, because it issued nothing. */
export function readCertificatePool(file: NamedBytes): Certificate[] {
  return readFile(file, 'CERTIFICATE', wellFormed).flat();
}

function wellFormed(der: Uint8Array, what: string): Certificate[] {
  try {
    return [parseCertificate(der, what)];
  } catch {
    // What misses in the path is named; a pool from elsewhere must not stop a path that needs nothing of it.
    return [];
  }
}

/** All revocation lists of a file, at least one. @throws ERR_CRL_MALFORMED, ERR_PEM_MALFORMED, ERR_ENCODING_MALFORMED */
export function readRevocationListFile(file: NamedBytes): RevocationList[] {
  return readFile(file, 'X509 CRL', parseRevocationList);
}

function readFile<T>({ what, bytes }: NamedBytes, label: string, read: (der: Uint8Array, what: string) => T): T[] {
  if (isDer(bytes)) return [read(bytes, what)];
  const blocks = parsePem(decodeUtf8(bytes, what), what);
  const [first] = blocks;
  const other = blocks.find((block) => block.label !== label);
  if (first === undefined || other !== undefined) {
    const found = other === undefined ? 'no PEM block' : `${other.label} in line ${other.line}`;
    throw new JoineryError('ERR_PEM_MALFORMED', `${what}: expected ${label} blocks or DER, found ${found}`);
  }
  return blocks.map((block) => read(block.der, `${what}, line ${block.line}`));
}

/** A SEQUENCE with a length of more than one octet: no PEM begins so, and nothing that is signed is shorter. */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;
}
