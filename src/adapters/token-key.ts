import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { JoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { signingKey } from './signatures.ts';

/**
 * Opens a private key that is no realm's: PEM of PKCS#8 (encrypted too), SEC 1 or PKCS#1, or a JWK.
 * @param passphrase is asked for only when the PEM is encrypted.
 * @throws ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE
 */
export async function signingKeyOfText(text: string, what: string, passphrase: () => Promise<Secret>): Promise<SigningKey> {
  const encrypted = /ENCRYPTED/.test(text);
  const secret = encrypted ? await passphrase() : undefined;
  return signingKey(open(text, what, secret));
}

function open(text: string, what: string, passphrase: Secret | undefined): KeyObject {
  try {
    if (text.trimStart().startsWith('{')) return createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: 'jwk' });
    return createPrivateKey({ key: text, format: 'pem', ...(passphrase && { passphrase: passphrase.reveal() }) });
  } catch {
    // The library's message may quote the input.
    if (passphrase !== undefined)
      throw new JoineryError('ERR_KEY_PASSPHRASE', `${what}: expected the passphrase of the key, found another, or a damaged key`);
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a private key as PEM or JWK, found another form`);
  }
}
