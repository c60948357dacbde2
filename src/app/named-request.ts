/** Asking with a request that names nobody, and again with one that names what the server says: some identity providers sign no other. */
import { toPem } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import { parseAlternativeName } from '../core/x509/alternative-names.ts';
import { writeCsr } from '../core/x509/csr-writer.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { writeName } from '../core/x509/name-text.ts';

/** PEM of a request of the key. It is a wish: the server decides who the node is, and the reply is checked. */
export async function csrNaming(key: SigningKey, names: readonly AlternativeName[]): Promise<string> {
  return toPem('CERTIFICATE REQUEST', await writeCsr(key, { subject: writeName([]), names }));
}

/**
 * The same key, so that no second use of a token is spent.
 * @param csr of the first request. @throws what `ask` throws, but ERR_CSR_NAMES once
 */
export async function askNaming<T>(key: SigningKey, csr: string, ask: (csr: string) => Promise<T>): Promise<T> {
  try {
    return await ask(csr);
  } catch (error) {
    const names = isJoineryError(error, 'ERR_CSR_NAMES') ? error.details['csr_names'] : undefined;
    if (typeof names !== 'string') throw error;
    return ask(await csrNaming(key, parseNames(names)));
  }
}

const KINDS = { URI: 'uri', DNS: 'dns', IP: 'ip' } as const;

/** As OpenSSL writes subjectAltName. @throws ERR_CERTIFICATE_NAME */
export function parseNames(text: string): readonly AlternativeName[] {
  return text.split(',').map((entry) => {
    const [kind = ''] = entry.split(':', 1);
    return parseAlternativeName(KINDS[kind as keyof typeof KINDS], entry.slice(kind.length + 1), 'csr_names');
  });
}
