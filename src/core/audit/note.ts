/** C2SP signed notes: a text, an empty line, and signature lines `— <name> <base64 of four bytes of key hash and the signature>`. */
import { concat, equalBytes, fromBase64, toBase64 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { NoteKey } from './note-key.ts';

/** Longest note that is read: three lines, and the signatures of some cosigners. */
const MAX_NOTE = 16384;

export interface SignatureLine {
  readonly name: string;
  /** Four bytes of key hash, and the signature. */
  readonly bytes: Uint8Array;
}

export interface Note {
  /** What is signed, with its final newline. */
  readonly text: string;
  readonly signatures: readonly SignatureLine[];
}

/** @param what names the note in the error. @throws ERR_CHECKPOINT_MALFORMED */
export function splitNote(note: string, what: string): Note {
  if (note.length > MAX_NOTE) throw malformedNote(what, `expected at most ${MAX_NOTE} characters, found ${note.length}`);
  const cut = note.lastIndexOf('\n\n');
  if (cut === -1 || !note.endsWith('\n'))
    throw malformedNote(what, 'expected text, an empty line and signature lines, found something else');
  const lines = note.slice(cut + 2, -1).split('\n');
  return { text: note.slice(0, cut + 1), signatures: lines.map((line) => signatureLine(line, what)) };
}

/** The lines of one key. Lines of others, also under its name, are passed over. */
export function signaturesOf({ signatures }: Note, key: NoteKey): readonly Uint8Array[] {
  return signatures
    .filter((line) => line.name === key.name && equalBytes(line.bytes.subarray(0, 4), key.hash))
    .map((line) => line.bytes.subarray(4));
}

/** One line, with its newline. */
export function formatSignature({ name, hash }: NoteKey, signature: Uint8Array): string {
  return `— ${name} ${toBase64(concat(hash, signature))}\n`;
}

function signatureLine(line: string, what: string): SignatureLine {
  const [, name, encoded] = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/.exec(line) ?? [];
  if (name === undefined) throw malformedNote(what, 'expected signature lines "— <name> <base64>", found another line');
  const bytes = base64Of(encoded as string, what);
  if (bytes.length < 5) throw malformedNote(what, 'expected a key hash and a signature, found less');
  return { name, bytes };
}

/** @throws ERR_CHECKPOINT_MALFORMED */
export function base64Of(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw malformedNote(what, 'expected base64, found something else', cause);
  }
}

export function malformedNote(what: string, message: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_CHECKPOINT_MALFORMED', `${what}: ${message}`, { cause });
}
