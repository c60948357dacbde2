/** What a release consists of: the lines of its SHA256SUMS, as `sha256sum` writes and checks them, signed as one file. */
import { type Digest, isDigest } from '../digest.ts';
import { decodeUtf8, fromBase64, parsePem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { parseSpki } from '../x509/algorithms.ts';

export interface Checksum {
  readonly name: string;
  readonly digest: Digest;
}

/** The running executable, by what the operating system runs, not by the name that it was called by. */
export interface OwnExecutable {
  readonly path: string;
  readonly digest: Digest;
}

const LINE = /^([0-9a-f]{64}) [ *]([A-Za-z0-9._+~-]{1,128})$/;

/** @throws ERR_SELF_CHECKSUMS with the line, ERR_ENCODING_MALFORMED */
export function parseChecksums(bytes: Uint8Array, what: string): readonly Checksum[] {
  const text = decodeUtf8(bytes, what);
  if (!text.endsWith('\n')) throw checksumError(what, 'expected a line feed at the end, found none');
  return text
    .slice(0, -1)
    .split('\n')
    .map((line, index) => parseLine(line, `${what}: line ${index + 1}`));
}

function parseLine(line: string, what: string): Checksum {
  const [, digest = '', name = ''] = LINE.exec(line) ?? [];
  if (!isDigest(digest)) throw checksumError(what, 'expected a SHA-256 digest, two blanks and a file name, found something else');
  return { name, digest };
}

function checksumError(what: string, reason: string): JoineryError {
  return new JoineryError('ERR_SELF_CHECKSUMS', `${what}: ${reason}`);
}

/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) begins like this; in base64, which people pass around in one line. */
const INLINE_KEY = /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/;

/** True for a key that is the argument itself. */
export function isInlineKey(text: string): boolean {
  return INLINE_KEY.test(text);
}

/**
 * The key that signs releases.
 * @param text PEM (`PUBLIC KEY`), or its body in one line
 * @returns DER of SubjectPublicKeyInfo
 * @throws ERR_SELF_KEY, ERR_PEM_MALFORMED, ERR_DER_MALFORMED
 */
export function parseReleaseKey(text: string, what: string): Uint8Array {
  const blocks = isInlineKey(text) ? [{ label: 'PUBLIC KEY', der: fromBase64(text, what) }] : parsePem(text, what);
  const [block] = blocks;
  if (block === undefined || blocks.length > 1 || block.label !== 'PUBLIC KEY') {
    throw keyError(what, `one PEM block PUBLIC KEY`, block === undefined ? 'none' : blocks.map(({ label }) => label).join(', '));
  }
  const { kind } = parseSpki(block.der, what).key;
  if (kind !== 'ed25519') throw keyError(what, 'an Ed25519 public key', kind);
  return block.der;
}

function keyError(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_SELF_KEY', `${what}: expected ${expected}, found ${found}`);
}
