/** JSON Web Signatures and Encryption by jose, loaded when the first of each is used. */
import { createPrivateKey } from 'node:crypto';
import type { JWK, JWSAlgorithm } from 'jose';
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint } from '../core/jwk.ts';
import type { OpenJwe, SealJwe, VerifyJws } from '../core/key-ports.ts';

export const verifyJws: VerifyJws = async (compact, key, algorithm) => {
  const { compactVerify } = await import('jose/jws/compact/verify');
  try {
    await compactVerify(compact, key as JWK | Uint8Array, { algorithms: [algorithm as JWSAlgorithm] });
    return true;
  } catch {
    // By contract a signature or key that cannot be used is a signature that does not hold.
    return false;
  }
};

const SEALED = { alg: 'ECDH-ES', enc: 'A256GCM' } as const;

export const sealJwe: SealJwe = async (plaintext, recipient) => {
  const { CompactEncrypt } = await import('jose/jwe/compact/encrypt');
  return new CompactEncrypt(plaintext).setProtectedHeader({ ...SEALED, kid: jwkThumbprint(recipient) }).encrypt(recipient as JWK);
};

export const openJwe: OpenJwe = async (compact, privateKey) => {
  const { compactDecrypt } = await import('jose/jwe/compact/decrypt');
  // base64url only, so that what remains to fail is the key.
  if (!/^[\w-]+\.\.[\w-]+\.[\w-]*\.[\w-]+$/.test(compact)) {
    throw new JoineryError('ERR_CLUSTER_ANSWER', 'answer: expected a compact JWE with direct key agreement, found another form');
  }
  try {
    const key = createPrivateKey({ key: privateKey.reveal(), format: 'pem' });
    const options = { keyManagementAlgorithms: [SEALED.alg], contentEncryptionAlgorithms: [SEALED.enc] };
    return (await compactDecrypt(compact, key, options)).plaintext;
  } catch (cause) {
    throw new JoineryError('ERR_CLUSTER_ANSWER_KEY', 'answer: expected one that is sealed to this key, found another, or a changed one', {
      hint: 'each member has an answer of its own: the name of the file ends with its node',
      cause,
    });
  }
};
