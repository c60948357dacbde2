/**
 * Signed heads of the audit log: C2SP tlog-checkpoint text inside a C2SP signed note with one Ed25519 signature.
 *
 *     joinery/<environment>/audit       origin, and the name of the key
 *     42                                records
 *     <base64 of the Merkle root>
 *
 *     — joinery/<environment>/audit <base64 of 4 bytes of key hash and the signature>
 */
import { toBase64, toHex, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { SigningKey, VerifySignature } from '../key-ports.ts';
import { base64Of, formatSignature, malformedNote, signaturesOf, splitNote } from './note.ts';
import { formatNoteKey, type NoteKey, noteKey, parseNoteKey } from './note-key.ts';

export interface Checkpoint {
  readonly origin: string;
  /** Number of records that the root covers. */
  readonly size: number;
  readonly root: Uint8Array;
}

/** A key that verifies checkpoints. */
export type CheckpointKey = NoteKey;

const ED25519_SIGNATURE = 64;

/** Origin of a realm's audit log. */
export function auditOrigin(environment: string): string {
  return `joinery/${environment}/audit`;
}

/** @param spki Ed25519. @throws ERR_KEY_MALFORMED for another type. */
export function checkpointKey(name: string, spki: Uint8Array): CheckpointKey {
  return noteKey('log', name, spki);
}

/** C2SP's verifier key, to hand to whoever keeps checkpoints. */
export function formatVerifierKey(key: CheckpointKey): string {
  return formatNoteKey('log', key);
}

/** @param what names the flag or file. @throws ERR_KEY_MALFORMED */
export function parseVerifierKey(text: string, what: string): CheckpointKey {
  return parseNoteKey('log', text, what);
}

/** The text that is signed. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** The signed note of a checkpoint; the key is named after the checkpoint's origin. */
export async function signNote(checkpoint: Checkpoint, key: SigningKey): Promise<string> {
  const text = checkpointText(checkpoint);
  const signature = await key.sign(utf8(text), 'der');
  return `${text}\n${formatSignature(checkpointKey(checkpoint.origin, key.spki), signature)}`;
}

/**
 * Reads a note and insists on a signature of `key`; signatures of others (witnesses) are passed over.
 * @param what names the note in the error.
 * @throws ERR_CHECKPOINT_MALFORMED, ERR_CHECKPOINT_SIGNATURE
 */
export function openNote(text: string, key: CheckpointKey, verifySignature: VerifySignature, what: string): Checkpoint {
  const note = splitNote(text, what);
  const checkpoint = parseCheckpoint(note.text, what);
  const own = signaturesOf(note, key);
  // C2SP signed-note: several signatures of one key, or one of another length, make the note invalid.
  const [signature] = own;
  const holds =
    own.length === 1 &&
    signature?.length === ED25519_SIGNATURE &&
    checkpoint.origin === key.name &&
    verifySignature({ algorithm: 'ed25519', spki: key.spki, data: utf8(note.text), signature, encoding: 'der' });
  if (holds) return checkpoint;
  throw new JoineryError('ERR_CHECKPOINT_SIGNATURE', `${what}: expected one good signature of ${key.name}+${toHex(key.hash)}, found none`, {
    hint: 'compare the verifier key with the one that was noted when the realm was made',
    details: { key: key.name, signers: note.signatures.map((line) => line.name) },
  });
}

function parseCheckpoint(text: string, what: string): Checkpoint {
  const [, origin, size, encoded] = /^([^\s+]{1,255})\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/=]+)\n$/.exec(text) ?? [];
  if (origin === undefined) throw malformedNote(what, 'expected three lines: origin, size, root, found others');
  const root = base64Of(encoded as string, what);
  if (root.length !== 32) throw malformedNote(what, `expected a root of 32 bytes, found ${root.length}`);
  return { origin, size: Number(size), root };
}
