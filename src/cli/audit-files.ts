/** Keys, notes and proofs that commands about the audit log are given. */
import { parseNoteKey, type NoteKey } from '../core/audit/note-key.ts';
import { parseVerifierKey } from '../core/audit/checkpoint.ts';
import type { ProofKeys } from '../core/audit/verify-proof.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { nameOfInput, readInput } from './input.ts';

/** A proof holds one record and at most 63 hashes. */
const MAX_FILE = 1_048_576;

/** @throws ERR_FILE_*, ERR_ENCODING_MALFORMED, ERR_INPUT_TOO_LARGE */
export async function auditFile(files: Pick<Files, 'read'>, path: string): Promise<{ readonly note: string; readonly source: string }> {
  const source = nameOfInput(path);
  return { note: decodeUtf8(await readInput(files, path, MAX_FILE), source), source };
}

/** A verifier key: its text, which has two plus signs, or a file with it. */
export async function verifierKeyText(files: Pick<Files, 'read'>, value: string): Promise<string> {
  return value.includes('+') ? value : (await auditFile(files, value)).note;
}

/** @throws ERR_KEY_MALFORMED and what reading throws */
export async function proofKeys(
  world: { readonly files: Pick<Files, 'read'>; readonly verifySignature: VerifySignature },
  key: string,
  witnesses: readonly string[],
): Promise<ProofKeys> {
  const parsed: NoteKey[] = [];
  for (const witness of witnesses) parsed.push(parseNoteKey('witness', await verifierKeyText(world.files, witness), '--witness'));
  const log = parseVerifierKey(await verifierKeyText(world.files, key), '--key');
  return { log, witnesses: parsed, verifySignature: world.verifySignature };
}

/** Writes a text to a new file, or gives it for stdout. */
export async function writeText(files: Files, out: string | undefined, text: string): Promise<string | undefined> {
  if (out === undefined || out === '-') return undefined;
  await files.create(out, utf8(text), 0o644);
  return out;
}
