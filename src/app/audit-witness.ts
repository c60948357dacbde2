/**
 * A witness of an audit log: a key and the heads that it has signed, in a directory on a machine that the realm's operators
 * cannot write to. It signs a head only when that continues the last one, so a log with two histories needs two witnesses.
 *
 *     witness.json     the log's verifier key and its own: joinery/audit-witness/1
 *     witness.key      Ed25519, PKCS #8, 0600
 *     heads/000000001  each note that it signed, with its own signature, numbered
 */
import { type Checkpoint, openNote, parseVerifierKey } from '../core/audit/checkpoint.ts';
import { cosign } from '../core/audit/cosignature.ts';
import { formatNoteKey, noteKey } from '../core/audit/note-key.ts';
import { type AuditProof, parseProof } from '../core/audit/proof.ts';
import { openCheckpoint, type ProofKeys, verifyConsistencyProof } from '../core/audit/verify-proof.ts';
import { canonicalBytes, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8, equalBytes, utf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { PortableKeys, VerifySignature } from '../core/key-ports.ts';
import { object, oneOf, type Parsed, parseDocument, refine, string } from '../core/parse.ts';
import type { Clock, Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import { formatInstant, type Instant } from '../core/time.ts';

const MAX_FILE = 16384;

const witnessDocument = object({
  schema: oneOf(['joinery/audit-witness/1']),
  name: refine(string({ minLength: 1, maxLength: 255 }), (name) =>
    /^[^+\s]+$/.test(name) ? { value: name } : { issue: 'expected a name without spaces and plus signs, found another' },
  ),
  verifier_key: string({ maxLength: 400 }),
  log_key: string({ maxLength: 400 }),
  created_at: string({ maxLength: 20 }),
});

type WitnessRecord = Parsed<typeof witnessDocument>;

export interface WitnessWorld {
  readonly files: Files;
  readonly keys: PortableKeys;
  readonly clock: Clock;
  readonly verifySignature: VerifySignature;
}

export interface NewWitness {
  readonly directory: string;
  /** Like a URL without its scheme: `witness.example.com/audit`. */
  readonly name: string;
  /** Verifier key of the log, in C2SP's form. */
  readonly logKey: string;
  /** Encrypts the key. */
  readonly passphrase: Secret | undefined;
}

/** @returns the verifier key of the witness, in C2SP's form. @throws ERR_KEY_MALFORMED, ERR_INPUT_MALFORMED, ERR_FILE_EXISTS, ERR_FILE_ACCESS */
export async function createWitness({ files, keys, clock }: WitnessWorld, input: NewWitness): Promise<string> {
  const { directory, name, passphrase } = input;
  const logKey = input.logKey.trim();
  parseVerifierKey(logKey, '--log-key');
  const key = keys.generate('ed25519');
  const verifierKey = formatNoteKey('witness', noteKey('witness', name, key.spki));
  const record = {
    schema: 'joinery/audit-witness/1',
    name,
    verifier_key: verifierKey,
    log_key: logKey,
    created_at: formatInstant(clock.now()),
  };
  parseDocument(witnessDocument, record, 'witness');
  await files.makeDirectory(directory, 0o700);
  await files.makeDirectory(`${directory}/heads`, 0o700);
  await files.create(`${directory}/witness.key`, utf8(await key.toPem(passphrase)), 0o600);
  // Last: a directory without it is no witness.
  await files.create(`${directory}/witness.json`, canonicalBytes(record), 0o644);
  return verifierKey;
}

export interface CosignInput {
  readonly directory: string;
  /** A checkpoint, or a proof that it continues the last one that was signed here. */
  readonly text: string;
  /** Name of the text in messages. */
  readonly what: string;
  /** Asked for an encrypted key only. */
  passphrase(): Promise<Secret>;
}

export interface Cosigned {
  readonly checkpoint: Checkpoint;
  /** The note with the signature of the witness. */
  readonly note: string;
  readonly verifierKey: string;
  readonly at: Instant;
  /** False when this very head was signed before, and this is that note again. */
  readonly signed: boolean;
  /** Size of the head that it continues; undefined for the first one. */
  readonly since: number | undefined;
}

/**
 * Verifies a head against the last one and signs it; it is kept before it is given out.
 * @throws ERR_AUDIT_FORK when it contradicts the last one, ERR_AUDIT_OLD_CHECKPOINT, ERR_PROOF_*, ERR_CHECKPOINT_*, ERR_STORE_CONFLICT when
 *   another process signs at the same time, ERR_FILE_*, ERR_KEY_*
 */
export async function cosignCheckpoint(world: WitnessWorld, { directory, text, what, passphrase }: CosignInput): Promise<Cosigned> {
  const { files, keys, clock, verifySignature } = world;
  const record = await readWitness(files, directory);
  const log: ProofKeys = { log: parseVerifierKey(record.log_key, `${directory}/witness.json`), witnesses: [], verifySignature };
  const last = await lastHead(files, directory, log);
  const proof = parseProof(text, what);
  const checkpoint = verifiedHead(proof, last?.checkpoint, log, what);
  const since = last?.checkpoint.size;
  if (last !== undefined && checkpoint.size === since)
    return { checkpoint, note: last.note, verifierKey: record.verifier_key, at: clock.now(), signed: false, since };
  const pem = decodeUtf8(await files.read(`${directory}/witness.key`, MAX_FILE), `${directory}/witness.key`);
  const key = (await keys.open(pem, `${directory}/witness.key`, passphrase)).signing();
  const at = clock.now();
  const note = proof.note + (await cosign(proof.note, record.name, key, at, what));
  await keep(files, `${directory}/heads/${headName((last?.number ?? 0) + 1)}`, note);
  return { checkpoint, note, verifierKey: record.verifier_key, at, signed: true, since };
}

async function readWitness(files: Files, directory: string): Promise<WitnessRecord> {
  const what = `${directory}/witness.json`;
  return parseDocument(witnessDocument, parseStrictJson(decodeUtf8(await files.read(what, MAX_FILE), what), what), what);
}

const headName = (number: number): string => String(number).padStart(9, '0');

async function lastHead(files: Files, directory: string, log: ProofKeys) {
  const names = (await files.list(`${directory}/heads`)).filter((name) => /^\d{9}$/.test(name));
  const name = names.at(-1);
  if (name === undefined) return undefined;
  const what = `${directory}/heads/${name}`;
  const note = decodeUtf8(await files.read(what, MAX_FILE), what);
  return { number: Number(name), note, checkpoint: openNote(note, log.log, log.verifySignature, what) };
}

/** The head of a text that the witness may sign after `last`. */
function verifiedHead(proof: AuditProof, last: Checkpoint | undefined, keys: ProofKeys, what: string): Checkpoint {
  const { checkpoint } = openCheckpoint(proof.note, keys, what);
  if (last === undefined) return checkpoint;
  if (checkpoint.size < last.size) {
    throw new JoineryError(
      'ERR_AUDIT_OLD_CHECKPOINT',
      `${what}: expected at least the ${last.size} records of the last head, found ${checkpoint.size}`,
      {
        hint: 'an older head is no fault by itself, a log that was cut is: take the newest one',
      },
    );
  }
  if (checkpoint.size === last.size) {
    if (equalBytes(checkpoint.root, last.root)) return checkpoint;
    throw new JoineryError('ERR_AUDIT_FORK', `${what}: expected the root that was signed over ${last.size} records before, found another`, {
      hint: 'the log has two histories: keep both notes, each signed by its key, for an investigation',
    });
  }
  if (proof.kind === 'consistency' && proof.old === last.size) return verifyConsistencyProof(proof, last, keys, what).checkpoint;
  const found = proof.kind === 'consistency' ? `one from ${proof.old} on` : 'none';
  throw new JoineryError('ERR_PROOF_MALFORMED', `${what}: expected a proof from ${last.size} records on, found ${found}`, {
    hint: `make it where the realm is: joinery audit prove --since ${last.size} --out FILE`,
    details: { since: last.size },
  });
}

/** Each number is made once: of two processes that signed after the same head, one fails here and gives nothing out. */
async function keep(files: Files, path: string, note: string): Promise<void> {
  try {
    await files.create(path, utf8(note), 0o644);
  } catch (error) {
    if (!isJoineryError(error, 'ERR_FILE_EXISTS')) throw error;
    throw new JoineryError('ERR_STORE_CONFLICT', `${path}: expected to be the only one that signs, found another process`, {
      hint: 'run the command again',
      cause: error,
    });
  }
}
