/** Writing certification requests (PKCS #10, RFC 2986). */
import type { SigningKey } from '../key-ports.ts';
import { contextTag } from './der.ts';
import { integer, oid, sequence, setOf, tlv } from './der-writer.ts';
import { type AlternativeName, subjectAltName, writeExtension } from './extension-writer.ts';
import { OID } from './oids.ts';
import { writeSigned } from './template.ts';

export interface CsrRequest {
  /** DER of Name. */
  readonly subject: Uint8Array;
  readonly names: readonly AlternativeName[];
}

/** DER of a request signed by its own key, with the names in an extensionRequest attribute. */
export async function writeCsr(key: SigningKey, request: CsrRequest): Promise<Uint8Array> {
  const info = sequence(integer(0), request.subject, key.spki, tlv(contextTag(0), ...attributes(request.names)));
  return writeSigned(info, key.type, await key.sign(info, 'der'));
}

function attributes(names: readonly AlternativeName[]): Uint8Array[] {
  if (names.length === 0) return [];
  return [sequence(oid(OID.extensionRequest), setOf(sequence(writeExtension(subjectAltName(names, false)))))];
}
