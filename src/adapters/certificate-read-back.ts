/** The read-back port: throw-away keys by node:crypto, the second reading by another library, both loaded when first used. */
import type { CertificateReadBack } from '../core/key-ports.ts';
import { generatePrivateKey, signingKey } from './signatures.ts';

export const certificateReadBack: CertificateReadBack = {
  throwawayKey: (type) => Promise.resolve(signingKey(generatePrivateKey(type))),
  readBack: async (der) => (await import('./peculiar-x509.ts')).readBack(der),
};
