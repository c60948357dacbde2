/**
 * Signatures of policy files: detached JWS (RFC 7515 appendix F) over the exact bytes of the file, in a file beside it, one compact
 * form a line. The protected header of a key is always the same text, so nothing of it is ever parsed: it decides nothing.
 */
import { canonicalBytes } from '../canonical-json.ts';
import { concat, decodeUtf8, fromBase64Url, toBase64Url, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { joseAlgorithmOf, jwkThumbprint, type PublicJwk, publicJwk, spkiOfJwk } from '../jwk.ts';
import type { SignatureAlgorithm, SigningKey, VerifySignature } from '../key-ports.ts';

/** Keeps a signature of a policy from being one of another kind of document. */
const TYPE = 'join-policy+jws';
const MAX_SIGNATURES = 16;
export const MAX_SIGNATURE_BYTES = 16 * 1024;

const ALGORITHMS: Readonly<Record<ReturnType<typeof joseAlgorithmOf>, SignatureAlgorithm>> = {
  ES256: 'ecdsa-sha256',
  ES384: 'ecdsa-sha384',
  EdDSA: 'ed25519',
};

/** Where the signature of a policy file lies. */
export function signaturePath(policyPath: string): string {
  return `${policyPath}.jws`;
}

/** RFC 8785 form of alg, kid and typ, in base64url. */
function headerOf(jwk: PublicJwk): string {
  return toBase64Url(canonicalBytes({ alg: joseAlgorithmOf(jwk), kid: jwkThumbprint(jwk), typ: TYPE }));
}

/** One line of a signature file. @param bytes of the policy file. @throws ERR_KEY_MALFORMED for a key that is on no curve of JOSE */
export async function signPolicyBytes(bytes: Uint8Array, key: SigningKey): Promise<string> {
  const header = headerOf(publicJwk(key.spki, 'signing key'));
  return `${header}..${toBase64Url(await key.sign(signingInput(header, bytes), 'ieee-p1363'))}`;
}

function signingInput(header: string, bytes: Uint8Array): Uint8Array {
  return concat(utf8(`${header}.`), utf8(toBase64Url(bytes)));
}

export interface PolicySignatureCheck {
  /** Of the policy file. */
  readonly bytes: Uint8Array;
  /** Of the file beside it. */
  readonly signatures: Uint8Array;
  readonly signers: readonly PublicJwk[];
  readonly verifySignature: VerifySignature;
  /** Names the signature file in errors. */
  readonly what: string;
}

/**
 * Lines by keys that are no signers are passed over, so that signers can be exchanged.
 * @returns the thumbprint of the signer whose signature holds.
 * @throws ERR_POLICY_SIGNATURE, ERR_ENCODING_MALFORMED
 */
export function verifyPolicySignature({ bytes, signatures, signers, verifySignature, what }: PolicySignatureCheck): string {
  const lines = decodeUtf8(signatures, what)
    .split(/\r?\n/)
    .filter((line) => line !== '');
  if (lines.length > MAX_SIGNATURES) throw refusal(what, `at most ${MAX_SIGNATURES} signatures, found ${lines.length}`);
  for (const jwk of signers) {
    const header = headerOf(jwk);
    const line = lines.find((candidate) => candidate.startsWith(`${header}..`));
    if (line === undefined) continue;
    const signature = fromBase64Url(line.slice(header.length + 2), `${what}: signature`);
    const check = { algorithm: ALGORITHMS[joseAlgorithmOf(jwk)], spki: spkiOfJwk(jwk), data: signingInput(header, bytes), signature };
    if (verifySignature({ ...check, encoding: 'ieee-p1363' })) return jwkThumbprint(jwk);
  }
  throw refusal(what, 'a signature of the policy, as it is now, by a configured signer, found none that holds');
}

function refusal(what: string, expected: string): JoineryError {
  return new JoineryError('ERR_POLICY_SIGNATURE', `${what}: expected ${expected}`, {
    hint: 'sign the file again: joinery policy sign FILE --key KEY; signers are in joinery.yaml under policy.signers',
  });
}
