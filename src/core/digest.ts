/** SHA-256 values of three kinds that cannot be mixed up: digest of bytes, fingerprint of a certificate, pin of a key. */
import { createHash, hash, timingSafeEqual } from 'node:crypto';
import { JoineryError } from './errors.ts';

declare const digestBrand: unique symbol;
declare const fingerprintBrand: unique symbol;
declare const pinBrand: unique symbol;

/** Lower-case hex of SHA-256 over bytes. */
export type Digest = string & { readonly [digestBrand]: true };

/** Lower-case hex of SHA-256 over a certificate's DER. */
export type Fingerprint = string & { readonly [fingerprintBrand]: true };

/** `sha256:` and the lower-case hex of SHA-256 over a SubjectPublicKeyInfo's DER (RFC 7469's hash, kubeadm's spelling). */
export type Pin = string & { readonly [pinBrand]: true };

const HEX_64 = /^[0-9a-f]{64}$/;

export function sha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.byteLength);
}

export function digestOf(bytes: Uint8Array): Digest {
  return hash('sha256', bytes, 'hex') as Digest;
}

/** Of the text in UTF-8. */
export function digestOfText(text: string): Digest {
  return hash('sha256', text, 'hex') as Digest;
}

/** Digests of many texts that begin alike: what they share is hashed once. @returns the digest of `head` and `tail`, one after another. */
export function digestAfter(head: Uint8Array): (tail: Uint8Array) => Digest {
  const begun = createHash('sha256').update(head);
  return (tail) => begun.copy().update(tail).digest('hex') as Digest;
}

export function fingerprintOf(certificateDer: Uint8Array): Fingerprint {
  return hash('sha256', certificateDer, 'hex') as Fingerprint;
}

export function pinOf(spkiDer: Uint8Array): Pin {
  return `sha256:${hash('sha256', spkiDer, 'hex')}` as Pin;
}

export function isDigest(text: string): text is Digest {
  return HEX_64.test(text);
}

/** @throws ERR_INPUT_MALFORMED */
export function parseDigest(text: string, what = 'digest'): Digest {
  if (!isDigest(text)) {
    throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected 64 lower-case hex digits, found ${text.length} characters`);
  }
  return text;
}

export function isPin(text: string): text is Pin {
  return text.startsWith('sha256:') && HEX_64.test(text.slice(7));
}

/** Compares in time that depends on the lengths only. */
export function equalSecret(a: Uint8Array, b: Uint8Array): boolean {
  // Hashing first gives both sides one length, so that timingSafeEqual never throws and no length leaks.
  return timingSafeEqual(sha256(a), sha256(b));
}
