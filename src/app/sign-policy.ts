/** Signs a policy file, beside it. */
import { type Digest, digestOf } from '../core/digest.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { jwkThumbprint, type PublicJwk, publicJwk } from '../core/jwk.ts';
import type { SigningKey } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { MAX_SIGNATURE_BYTES, signaturePath, signPolicyBytes } from '../core/policy/signature.ts';
import { MAX_POLICY_BYTES, type ReadDocument, readPolicy } from './load-policy.ts';

export interface SignPolicyInput {
  readonly path: string;
  readonly key: SigningKey;
  /** Keep the signatures that are there: for a change of signers. */
  readonly add: boolean;
}

export interface SignPolicyResult {
  readonly file: string;
  readonly name: string;
  readonly version: number;
  readonly digest: Digest;
  /** RFC 7638 thumbprint of the signer. */
  readonly kid: string;
  /** What joinery.yaml names under policy.signers. */
  readonly jwk: PublicJwk;
}

/** A malformed policy is not signed. @throws ERR_POLICY_MALFORMED, ERR_KEY_MALFORMED, ERR_FILE_* */
export async function signPolicy(
  { files, readDocument }: { readonly files: Files; readonly readDocument: ReadDocument },
  { path, key, add }: SignPolicyInput,
): Promise<SignPolicyResult> {
  const bytes = await files.read(path, MAX_POLICY_BYTES);
  const { name, version } = (await readPolicy(bytes, path, readDocument)).metadata;
  const file = signaturePath(path);
  const line = await signPolicyBytes(bytes, key);
  const kept = add && (await files.stat(file)) !== undefined ? decodeUtf8(await files.read(file, MAX_SIGNATURE_BYTES), file) : '';
  const others = kept.split(/\r?\n/).filter((other) => other !== '' && !other.startsWith(`${line.split('.', 1)[0]}.`));
  await files.replace(file, utf8([...others, line, ''].join('\n')), 0o644);
  const jwk = publicJwk(key.spki);
  return { file, name, version, digest: digestOf(bytes), kid: jwkThumbprint(jwk), jwk };
}
