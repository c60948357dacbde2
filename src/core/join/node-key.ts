/** The key of a node as its certification request brings it, and the names that follow from it. */
import { sha256 } from '../digest.ts';
import { parsePem, toBase64Url } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { jwkThumbprint, publicJwk } from '../jwk.ts';
import type { SubjectPublicKeyInfo } from '../x509/algorithms.ts';
import { type CertificationRequest, parseCsr } from '../x509/csr.ts';

const LABELS = ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];

/** The one certification request of a message; its signature is not looked at. @throws ERR_CSR_MALFORMED */
export function readCsrPem(pem: string): CertificationRequest {
  const blocks = pemBlocks(pem);
  const [block, ...others] = blocks;
  if (block === undefined || others.length > 0 || !LABELS.includes(block.label)) {
    throw new JoineryError('ERR_CSR_MALFORMED', `csr: expected one PEM block CERTIFICATE REQUEST, found ${blocks.length || 'no'} block(s)`);
  }
  return parseCsr(block.der, 'csr');
}

function pemBlocks(pem: string) {
  try {
    return parsePem(pem, 'csr');
  } catch (cause) {
    // parsePem throws nothing else.
    throw new JoineryError('ERR_CSR_MALFORMED', (cause as JoineryError).message, { cause });
  }
}

/** RFC 7638 where the key has such a form; for other keys the SHA-256 of SubjectPublicKeyInfo in the same spelling. */
export function keyThumbprintOf({ der }: Pick<SubjectPublicKeyInfo, 'der'>): string {
  try {
    return jwkThumbprint(publicJwk(der));
  } catch {
    // publicJwk refuses other types of keys, and throws nothing else.
    return toBase64Url(sha256(der));
  }
}
