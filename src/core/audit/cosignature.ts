/**
 * What a witness says of a checkpoint (C2SP tlog-cosignature, Ed25519): at this time, this was the largest head of the log that it
 * had seen, and it continued every earlier one. A log that shows different histories to different people needs the witness for it.
 */
import { concat, toHex, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { SigningKey, VerifySignature } from '../key-ports.ts';
import { type Instant, isInstant } from '../time.ts';
import { formatSignature, signaturesOf, splitNote } from './note.ts';
import { type NoteKey, noteKey } from './note-key.ts';

/** Eight bytes of time, and the signature. */
const COSIGNATURE = 72;

function message(text: string, at: Instant): Uint8Array {
  return utf8(`cosignature/v1\ntime ${at}\n${text}`);
}

/** The signature line of a witness for a note that it has checked, with its newline. */
export async function cosign(note: string, name: string, key: SigningKey, at: Instant, what: string): Promise<string> {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, BigInt(at));
  const signature = await key.sign(message(splitNote(note, what).text, at), 'der');
  return formatSignature(noteKey('witness', name, key.spki), concat(time, signature));
}

export interface Cosignature {
  readonly witness: string;
  /** When the witness signed. */
  readonly at: Instant;
}

/**
 * Insists on a cosignature of a witness.
 * @returns the latest one.
 * @throws ERR_CHECKPOINT_COSIGNATURE when there is none, or one that does not hold; ERR_CHECKPOINT_MALFORMED
 */
export function openCosignature(text: string, witness: NoteKey, verifySignature: VerifySignature, what: string): Cosignature {
  const note = splitNote(text, what);
  const times = signaturesOf(note, witness).map((bytes) => signedAt(note.text, bytes, witness, verifySignature));
  const named = `${what}: expected a good cosignature of ${witness.name}+${toHex(witness.hash)}`;
  if (times.includes(undefined)) throw new JoineryError('ERR_CHECKPOINT_COSIGNATURE', `${named}, found one that does not hold`);
  if (times.length > 0) return { witness: witness.name, at: Math.max(...(times as Instant[])) as Instant };
  throw new JoineryError('ERR_CHECKPOINT_COSIGNATURE', `${named}, found none`, {
    hint: 'let the witness sign the checkpoint: joinery audit witness sign',
    details: { witness: witness.name, signers: note.signatures.map(({ name }) => name) },
  });
}

/** When it was signed, or undefined when it does not hold. */
function signedAt(text: string, bytes: Uint8Array, { spki }: NoteKey, verifySignature: VerifySignature): Instant | undefined {
  if (bytes.length !== COSIGNATURE) return undefined;
  const at = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  const check = { algorithm: 'ed25519', spki, signature: bytes.subarray(8), encoding: 'der' } as const;
  return isInstant(at) && verifySignature({ ...check, data: message(text, at) }) ? at : undefined;
}
