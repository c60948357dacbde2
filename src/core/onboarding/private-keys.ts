/**
 * Finds private keys that came into a package by a slip, in the forms that tools write: PEM, JWK, DER, PKCS #12, age, and each of them in
 * base64, and in gzip inside base64, as `write_files` and scripts carry it. It is no search for what somebody hides on purpose: that cannot be found.
 */
import { MAX_USER_DATA_BYTES } from './formats/cloud-config.ts';
import type { Gunzip } from './limits.ts';

const PEM = /-----BEGIN [A-Z0-9 ]{0,48}PRIVATE KEY/;
/** Private members of RFC 7518 section 6 beside their kty. */
const JWK = /"(?:d|p|q|dp|dq|qi|k)"\s*:\s*"[A-Za-z0-9_-]{16,}"/;
const AGE = /AGE-SECRET-KEY-1[A-Z0-9]{40}/;

/** In hex. PKCS #8 (RFC 5958) of Edwards, elliptic and RSA keys; RFC 5915; PKCS #1; PBES2 of encrypted PKCS #8; key bags of PKCS #12. */
const DER =
  /0201(?:00|01)30(?:..06032b65(?:6e|6f|70|71)04|..06072a8648ce3d020106|0d06092a864886f70d010101050004)|020101(?:0420|0430|0442).{64,144}a[01]|3082.{4}020100028[12]|06092a864886f70d01050d|060b2a864886f70d010c0a010[12]/;

/** Of base64, as long as the smallest key (a raw one of 32 bytes has no form to know it by). */
const BASE64 = /[A-Za-z0-9+/_-]{48,}/g;

/** Of what gzip packed: more is in no file that a person wrote into user-data. */
const MAX_UNPACKED_BYTES = 8 * 1024 * 1024;
/** RFC 1952 section 2.3.1: identification, and deflate. */
const GZIP_START = [0x1f, 0x8b, 8];

/** @returns what was found: never the key. Latin-1, so that every byte is looked at, whatever the encoding. */
export function findPrivateKey(bytes: Uint8Array, gunzip: Gunzip): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const found = findText(text);
  // Nothing that is larger comes from a person: programs, and archives whose files are looked at one by one.
  if (found !== undefined || bytes.length > MAX_USER_DATA_BYTES) return found;
  return findDer(bytes) ?? findEncoded(text, (decoded) => findPacked(decoded, gunzip));
}

function findText(text: string): string | undefined {
  if (PEM.test(text)) return 'a PEM block of a private key';
  if (AGE.test(text)) return 'an age identity';
  return text.includes('"kty"') && JWK.test(text) ? 'a private JSON Web Key' : undefined;
}

function findDer(bytes: Uint8Array): string | undefined {
  return DER.test(Buffer.from(bytes).toString('hex')) ? 'a private key in DER' : undefined;
}

/** Lines are joined first; a word that then stands before it shifts what follows, by up to three characters. */
function findEncoded(text: string, within: (decoded: Buffer) => string | undefined): string | undefined {
  for (const [run] of text.replaceAll(/\\[nr]|\s/g, '').matchAll(BASE64)) {
    for (const shift of [0, 1, 2, 3]) {
      const decoded = Buffer.from(run.slice(shift), 'base64');
      const found = findText(decoded.toString('latin1')) ?? findDer(decoded) ?? within(decoded);
      if (found !== undefined) return `${found}, in base64`;
    }
  }
  return undefined;
}

/** `encoding: gz+b64` of write_files. What cannot be unpacked, or is too much, is as good as found: nobody can say that it is none. */
function findPacked(decoded: Buffer, gunzip: Gunzip): string | undefined {
  if (!GZIP_START.every((byte, index) => decoded[index] === byte)) return undefined;
  const unpacked = unpack(decoded, gunzip);
  if (unpacked === undefined) return 'gzip that cannot be looked into';
  const text = Buffer.from(unpacked).toString('latin1');
  const found = findText(text) ?? findDer(unpacked) ?? findEncoded(text, () => undefined);
  return found && `${found}, in gzip`;
}

function unpack(bytes: Uint8Array, gunzip: Gunzip): Uint8Array | undefined {
  try {
    return gunzip(bytes, MAX_UNPACKED_BYTES);
  } catch {
    // The caller refuses it.
    return undefined;
  }
}
