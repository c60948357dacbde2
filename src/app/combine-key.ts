/** Gives the passphrase back that was split into shares. Needs no realm: the shares may outlive it. */
import { assertShares, parseShare, readSharedSecret } from '../core/key-share.ts';
import type { SecretSharing } from '../core/key-ports.ts';
import { Secret } from '../core/secret.ts';

export interface ShareText {
  readonly text: string;
  /** Names the file in errors. */
  readonly what: string;
}

export interface CombineKeyResult {
  readonly set: string;
  readonly passphrase: Secret;
}

/** A digest inside the secret shows that it is the passphrase that was split. @throws ERR_SHARE_MALFORMED, ERR_SHARE_MISMATCH */
export async function combineKey(texts: readonly ShareText[], sharing: SecretSharing): Promise<CombineKeyResult> {
  const shares = texts.map(({ text, what }) => parseShare(text, what));
  const set = assertShares(shares);
  const secret = await sharing.combine(shares.map(({ bytes }) => bytes));
  return { set, passphrase: new Secret(readSharedSecret(secret, set)) };
}
