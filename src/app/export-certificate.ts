/** A certificate with its private key, or certificates to trust, as one PKCS #12 file. Needs no realm. */
import { equalBytes, parsePem, type PemBlock } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { PortableKey, WritePkcs12 } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Certificate } from '../core/x509/certificate.ts';

export interface ExportPkcs12Input {
  /** The one of the key first. */
  readonly certificates: readonly [Certificate, ...Certificate[]];
  /** Left out for a store of trusted certificates. */
  readonly key?: PortableKey | undefined;
  readonly friendlyName: string;
  readonly password: Secret;
}

/** @throws ERR_CERTIFICATE_KEY when the key is another one's. */
export async function exportPkcs12(write: WritePkcs12, input: ExportPkcs12Input): Promise<Uint8Array> {
  const { certificates, key, friendlyName, password } = input;
  if (key !== undefined && !equalBytes(key.spki, certificates[0].spki)) {
    throw new JoineryError('ERR_CERTIFICATE_KEY', '--key: expected the private key of the first certificate, found another', {
      details: { subject: certificates[0].subject.text },
    });
  }
  const encryptedKey = key && (parsePem(await key.toPem(password))[0] as PemBlock).der;
  return write({
    certificates: certificates.map(({ der }) => der),
    friendlyName,
    password,
    ...(encryptedKey !== undefined && { encryptedKey }),
  });
}
