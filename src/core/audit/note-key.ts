/**
 * The keys of C2SP signed notes: those of a log (signature type 1: Ed25519 over the text) and those of a witness (type 4:
 * Ed25519 over the text and a time, tlog-cosignature). Their text form is C2SP's `<name>+<hash>+<base64 of the type and the key>`.
 */
import { sha256 } from '../digest.ts';
import { concat, equalBytes, fromBase64, fromHex, toBase64, toBase64Url, toHex, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { publicJwk, spkiOfJwk } from '../jwk.ts';

/** Signature type of C2SP signed-note. */
const TYPE_OF = { log: 1, witness: 4 } as const;

export type NoteSigner = keyof typeof TYPE_OF;

export interface NoteKey {
  readonly name: string;
  /** First four bytes of SHA-256 over name, LF, type and the key. */
  readonly hash: Uint8Array;
  /** DER of SubjectPublicKeyInfo, Ed25519. */
  readonly spki: Uint8Array;
}

/** @param spki Ed25519. @throws ERR_KEY_MALFORMED for another type. */
export function noteKey(signer: NoteSigner, name: string, spki: Uint8Array): NoteKey {
  return { name, hash: keyHash(signer, name, rawKey(spki)), spki };
}

function rawKey(spki: Uint8Array): Uint8Array {
  const jwk = publicJwk(spki, 'checkpoint key');
  if (jwk.kty === 'OKP') return spki.subarray(spki.length - 32);
  throw new JoineryError('ERR_KEY_MALFORMED', `checkpoint key: expected Ed25519, found ${jwk.crv}`);
}

function typed(signer: NoteSigner, raw: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(TYPE_OF[signer]), raw);
}

function keyHash(signer: NoteSigner, name: string, raw: Uint8Array): Uint8Array {
  return sha256(concat(utf8(`${name}\n`), typed(signer, raw))).subarray(0, 4);
}

/** C2SP's verifier key, to hand to whoever keeps checkpoints or believes a witness. */
export function formatNoteKey(signer: NoteSigner, { name, hash, spki }: NoteKey): string {
  return `${name}+${toHex(hash)}+${toBase64(typed(signer, rawKey(spki)))}`;
}

/** @param what names the flag or file. @throws ERR_KEY_MALFORMED */
export function parseNoteKey(signer: NoteSigner, text: string, what: string): NoteKey {
  const [, name, hash, encoded] = /^([^+\s]{1,255})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44})$/.exec(text.trim()) ?? [];
  if (name === undefined) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a verifier key <name>+<hash>+<base64>, found something else`);
  }
  const bytes = fromBase64(encoded as string, what);
  const type = TYPE_OF[signer];
  if (bytes[0] !== type)
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected an Ed25519 key of a ${signer} (type ${type}), found type ${bytes[0]}`);
  const raw = bytes.subarray(1);
  if (!equalBytes(keyHash(signer, name, raw), fromHex(hash as string))) {
    throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected the hash of this name and key, found another one`);
  }
  return { name, hash: keyHash(signer, name, raw), spki: spkiOfJwk({ kty: 'OKP', crv: 'Ed25519', x: toBase64Url(raw) }) };
}
