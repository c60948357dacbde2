/** A key and a certification request for it, for an authority elsewhere. Needs no realm. */
import { toPem, utf8 } from '../core/encoding.ts';
import type { KeyType, PortableKey, PortableKeys } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { assertAbsent } from './new-files.ts';
import { type CertificationRequest, parseCsr } from '../core/x509/csr.ts';
import { writeCsr } from '../core/x509/csr-writer.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { parseNameText, writeName } from '../core/x509/name-text.ts';

export interface RequestCertificateInput {
  /** RFC 4514; empty without it. */
  readonly subject?: string | undefined;
  readonly names: readonly AlternativeName[];
  readonly keyType: KeyType;
  /** A key that is there already, instead of a new one. */
  readonly key?: PortableKey | undefined;
  /** New file for the new key, mode 0600. */
  readonly keyFile: string;
  /** New file for the request; without one it is in the result only. */
  readonly csrFile?: string | undefined;
  /** Encrypts the new key. */
  readonly passphrase?: Secret | undefined;
}

export interface RequestCertificateResult {
  readonly csr: CertificationRequest;
  readonly pem: string;
  /** Left out when the key was there already. */
  readonly keyFile?: string;
}

/**
 * The key is written before the request, so that no request is ever without its key; neither file is written over another.
 * @throws ERR_INPUT_MALFORMED, ERR_FILE_EXISTS, ERR_FILE_ACCESS
 */
export async function requestCertificate(
  world: { readonly files: Files; readonly keys: PortableKeys },
  input: RequestCertificateInput,
): Promise<RequestCertificateResult> {
  const subject = input.subject === undefined ? writeName([]) : parseNameText(input.subject, '--subject');
  const isNew = input.key === undefined;
  await assertAbsent(world.files, [...(isNew ? [input.keyFile] : []), ...(input.csrFile === undefined ? [] : [input.csrFile])]);
  const key = input.key ?? world.keys.generate(input.keyType);
  const der = await writeCsr(key.signing(), { subject, names: input.names });
  const pem = toPem('CERTIFICATE REQUEST', der);
  if (isNew) await world.files.create(input.keyFile, utf8(await key.toPem(input.passphrase)), 0o600);
  if (input.csrFile !== undefined) await world.files.create(input.csrFile, utf8(pem), 0o644);
  return { csr: parseCsr(der), pem, ...(isNew && { keyFile: input.keyFile }) };
}
