/**
 * Signed heads of the audit log: C2SP tlog-checkpoint text inside a C2SP signed note with one Ed25519 signature.
 *
 *     joinery/<environment>/audit       origin, and the name of the key
 *     42                                records
 *     <base64 of the Merkle root>
 *
 *     — joinery/<environment>/audit <base64 of 4 bytes of key hash and the signature>
 */
import { sha256 } from '../digest.ts';
import { concat, equalBytes, fromBase64, fromHex, toBase64, toBase64Url, toHex, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { publicJwk, spkiOfJwk } from '../jwk.ts';
import type { SigningKey, VerifySignature } from '../key-ports.ts';

export interface Checkpoint {
  readonly origin: string;
  /** Number of records that the root covers. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** A key that verifies checkpoints. Its text form is C2SP's `<name>+<hash>+<base64 of 01 and the key>`. */
export interface CheckpointKey {
  readonly name: string;
  /** First four bytes of SHA-256 over name, LF, 01 and the key. */
  readonly hash: Uint8Array;
  /** DER of SubjectPublicKeyInfo, Ed25519. */
  readonly spki: Uint8Array;
}

const ED25519 = Uint8Array.of(1);
/** Longest note that is read: three lines, and the signatures of some cosigners. */
const MAX_NOTE = 16384;
const ED25519_SIGNATURE = 64;

/** Origin of a realm's audit log. */
export function auditOrigin(environment: string): string {
  return `joinery/${environment}/audit`;
}

/** @param spki Ed25519. @throws ERR_KEY_MALFORMED for another type. */
export function checkpointKey(name: string, spki: Uint8Array): CheckpointKey {
  return { name, hash: keyHash(name, rawKey(spki)), spki };
}

function rawKey(spki: Uint8Array): Uint8Array {
  const jwk = publicJwk(spki, 'checkpoint key');
  if (jwk.kty === 'OKP') return spki.subarray(spki.length - 32);
  throw new JoineryError('ERR_KEY_MALFORMED', `checkpoint key: expected Ed25519, found ${jwk.crv}`);
}

function keyHash(name: string, raw: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), ED25519, raw)).subarray(0, 4);
}

/** C2SP's verifier key, to hand to whoever keeps checkpoints. */
export function formatVerifierKey({ name, hash, spki }: CheckpointKey): string {
  return `${name}+${toHex(hash)}+${toBase64(concat(ED25519, rawKey(spki)))}`;
}

/** @param what names the flag or file. @throws ERR_KEY_MALFORMED */
export function parseVerifierKey(text: string, what: string): CheckpointKey {
  const [, name, hash, encoded] = /^([^+\s]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text.trim()) ?? [];
  if (name === undefined) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a verifier key <name>+<hash>+<base64>, found something else`);
  }
  const bytes = fromBase64(encoded as string, what);
  if (bytes[0] !== ED25519[0])
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected an Ed25519 key (type 1), found type ${bytes[0]}`);
  const raw = bytes.subarray(1);
  if (!equalBytes(keyHash(name, raw), fromHex(hash as string))) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected the hash of this name and key, found another one`);
  }
  return { name, hash: keyHash(name, raw), spki: spkiOfJwk({ kty: 'OKP', crv: 'Ed25519', x: toBase64Url(raw) }) };
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** The signed note of a checkpoint; the key is named after the checkpoint's origin. */
export async function signNote(checkpoint: Checkpoint, key: SigningKey): Promise<string> {
  const text = checkpointText(checkpoint);
  const { hash } = checkpointKey(checkpoint.origin, key.spki);
  const signature = await key.sign(utf8(text), 'der');
  return `${text}\n— ${checkpoint.origin} ${toBase64(concat(hash, signature))}\n`;
}

/**
 * Reads a note and insists on a signature of `key`; signatures of others (witnesses) are passed over.
 * @param what names the note in the error.
 * @throws ERR_CHECKPOINT_MALFORMED, ERR_CHECKPOINT_SIGNATURE
 */
export function openNote(note: string, key: CheckpointKey, verifySignature: VerifySignature, what: string): Checkpoint {
  const { text, signatures } = splitNote(note, what);
  const checkpoint = parseCheckpoint(text, what);
  const own = signatures.filter((line) => line.name === key.name && equalBytes(line.bytes.subarray(0, 4), key.hash));
  // C2SP signed-note: several signatures of one key, or one of another length, make the note invalid.
  const [signature] = own;
  const holds =
    own.length === 1 &&
    signature?.bytes.length === 4 + ED25519_SIGNATURE &&
    checkpoint.origin === key.name &&
    verifySignature({ algorithm: 'ed25519', spki: key.spki, data: utf8(text), signature: signature.bytes.subarray(4), encoding: 'der' });
  if (holds) return checkpoint;
  throw new JoineryError('ERR_CHECKPOINT_SIGNATURE', `${what}: expected one good signature of ${key.name}+${toHex(key.hash)}, found none`, {
    hint: 'compare the verifier key with the one that was noted when the realm was made',
    details: { key: key.name, signers: signatures.map((line) => line.name) },
  });
}

interface SignatureLine {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function splitNote(note: string, what: string): { text: string; signatures: SignatureLine[] } {
  if (note.length > MAX_NOTE) throw malformed(what, `expected at most ${MAX_NOTE} characters, found ${note.length}`);
  const cut = note.lastIndexOf('\n\n');
  if (cut === -1 || !note.endsWith('\n')) throw malformed(what, 'expected text, an empty line and signature lines, found something else');
  const lines = note.slice(cut + 2, -1).split('\n');
  return { text: note.slice(0, cut + 1), signatures: lines.map((line) => signatureLine(line, what)) };
}

function signatureLine(line: string, what: string): SignatureLine {
  const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
  if (name === undefined) throw malformed(what, 'expected signature lines "— <name> <base64>", found another line');
  const bytes = decoded(encoded as string, what);
  if (bytes.length < 5) throw malformed(what, 'expected a key hash and a signature, found less');
  return { name, bytes };
}

function parseCheckpoint(text: string, what: string): Checkpoint {
  const [, origin, size, encoded] = /^([^\s+]{1,255})\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/=]+)\n$/.exec(text) ?? [];
  if (origin === undefined) throw malformed(what, 'expected three lines: origin, size, root, found others');
  const root = decoded(encoded as string, what);
  if (root.length !== 32) throw malformed(what, `expected a root of 32 bytes, found ${root.length}`);
  return { origin, size: Number(size), root };
}

function decoded(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw malformed(what, 'expected base64, found something else', cause);
  }
}

function malformed(what: string, message: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_CHECKPOINT_MALFORMED', `${what}: ${message}`, { cause });
}
