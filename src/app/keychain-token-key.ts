/** Keeps a key that signs tokens without a realm in the keychain of the operating system, by the issuer that it signs for. */
import { JoineryError } from '../core/errors.ts';
import type { Keychain, SigningKey } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { signerOf } from '../core/token/signer.ts';

const accountOf = (issuer: string): string => `token-key/${issuer}`;

export interface TokenKeyToKeep {
  readonly keychain: Keychain;
  readonly issuer: string;
  /** PEM or JWK. */
  readonly text: Secret;
  /** Opens `text`. */
  readonly key: SigningKey;
}

/** @returns the key's kid and algorithm. @throws ERR_KEY_MALFORMED for a key that signs no tokens, ERR_KEYCHAIN_UNAVAILABLE */
export async function keepTokenKey({
  keychain,
  issuer,
  text,
  key,
}: TokenKeyToKeep): Promise<{ readonly kid: string; readonly algorithm: string }> {
  const { kid, algorithm } = signerOf(key);
  await keychain.set(accountOf(issuer), text);
  return { kid: kid as string, algorithm };
}

/** @throws ERR_KEYCHAIN_EMPTY, ERR_KEYCHAIN_UNAVAILABLE */
export async function fetchTokenKey(keychain: Keychain, issuer: string): Promise<Secret> {
  return (await keychain.get(accountOf(issuer))) ?? Promise.reject(empty(issuer));
}

/** @throws ERR_KEYCHAIN_EMPTY, ERR_KEYCHAIN_UNAVAILABLE */
export async function forgetTokenKey(keychain: Keychain, issuer: string): Promise<void> {
  if (!(await keychain.delete(accountOf(issuer)))) throw empty(issuer);
}

function empty(issuer: string): JoineryError {
  return new JoineryError('ERR_KEYCHAIN_EMPTY', `keychain: expected a token signing key for the issuer ${issuer}, found none`, {
    hint: 'store one: joinery token keys keychain --issuer NAME --key-file FILE',
  });
}
