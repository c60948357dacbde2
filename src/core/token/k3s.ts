/** `k3s` secure tokens: the hash of the cluster CA file, and a user with a password, or a bootstrap token. */
import { type Digest, digestOf, isDigest } from '../digest.ts';
import { parsePem, toHex, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Random } from '../ports.ts';
import { type Certificate, isSignedBy, parseCertificate } from '../x509/certificate.ts';
import { equalNames } from '../x509/names.ts';
import { type KubeadmToken, parseKubeadm } from './kubeadm.ts';

export interface K3sToken {
  /** As {@link k3sCaHash} computes it. */
  readonly caHash: Digest;
  readonly credential: { readonly user: string; readonly password: string } | KubeadmToken;
}

/** `K10<hash>::<user>:<password>` or `K10<hash>::<id>.<secret>`. */
export function formatK3s({ caHash, credential }: K3sToken): string {
  const text = 'user' in credential ? `${credential.user}:${credential.password}` : `${credential.id}.${credential.secret}`;
  return `K10${caHash}::${text}`;
}

/** A password of 128 bits for a user; agents of a K3s server are `node`. */
export function generateK3s(random: Random, caHash: Digest, user = 'node'): K3sToken {
  return { caHash, credential: { user, password: toHex(random.bytes(16)) } };
}

/** @throws ERR_TOKEN_MALFORMED */
export function parseK3s(text: string): K3sToken {
  const [, caHash = '', rest = ''] = /^K10([0-9a-f]{64})::(.+)$/.exec(text) ?? [];
  if (!isDigest(caHash)) throw malformed('K10, 64 lower-case hex digits, two colons and a credential');
  if (!rest.includes(':')) return { caHash, credential: parseKubeadm(rest) };
  const [, user, password] = /^([A-Za-z0-9._-]{1,63}):([!-~]{1,256})$/.exec(rest) ?? [];
  if (user === undefined || password === undefined) throw malformed('a user, a colon and a password');
  return { caHash, credential: { user, password } };
}

function malformed(expected: string): JoineryError {
  return new JoineryError('ERR_TOKEN_MALFORMED', `k3s token: expected ${expected}, found another form`);
}

/**
 * The hash of a K3s cluster CA file: of its literal bytes if it holds one certificate; of the DER of the root that the first
 * certificate chains to if it holds several. So one certificate and the same with a blank line more have different hashes, as in K3s.
 * @param pem the file's text, every byte of it.
 * @throws ERR_PEM_MALFORMED, ERR_CERTIFICATE_MALFORMED; ERR_INPUT_MALFORMED when there is no certificate, or no root for the first.
 */
export function k3sCaHash(pem: string, verifySignature: VerifySignature, what = 'CA file'): Digest {
  return readCaFile(pem, verifySignature, what).hash;
}

/**
 * The one certificate of a CA bundle that a token pins. K3s, once the hash holds, trusts the whole bundle: an extra root that is
 * smuggled in behind the pinned one signs what it likes. Here the rest of the bundle is never an anchor.
 * @throws ERR_PIN_NOT_SHOWN for a bundle with another hash, and as {@link k3sCaHash}
 */
export function k3sAnchor(pem: string, caHash: Digest, verifySignature: VerifySignature, what = 'CA bundle'): Certificate {
  const { hash, anchor } = readCaFile(pem, verifySignature, what);
  if (hash === caHash) return anchor;
  throw new JoineryError('ERR_PIN_NOT_SHOWN', `${what}: expected the hash ${caHash} of the token, found ${hash}`);
}

function readCaFile(pem: string, verifySignature: VerifySignature, what: string): { readonly hash: Digest; readonly anchor: Certificate } {
  const certificates = parsePem(pem, what)
    .filter((block) => block.label === 'CERTIFICATE')
    .map((block) => parseCertificate(block.der, `${what}, line ${block.line}`));
  const [first, ...others] = certificates;
  if (first === undefined) throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected a certificate, found none`);
  if (others.length === 0) return { hash: digestOf(utf8(pem)), anchor: first };
  const anchor = rootOf(first, others, verifySignature, what);
  return { hash: digestOf(anchor.der), anchor };
}

/** Follows issuers by name and signature up to the self-signed one; each certificate serves once, so a loop ends. */
function rootOf(first: Certificate, others: readonly Certificate[], verifySignature: VerifySignature, what: string): Certificate {
  let current = first;
  const left = new Set(others);
  while (!(current.selfIssued && isSignedBy(current, current.spki, verifySignature))) {
    const subject = current;
    const issuer = [...left].find(
      (candidate) => equalNames(candidate.subject, subject.issuer) && isSignedBy(subject, candidate.spki, verifySignature),
    );
    if (issuer === undefined) {
      throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected a root that the first certificate chains to, found none`);
    }
    left.delete(issuer);
    current = issuer;
  }
  return current;
}
