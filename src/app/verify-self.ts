/** Judges the executable that is running: is it, to the last byte, one that the holder of a key released? */
import { type Pin, pinOf } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { Files } from '../core/ports.ts';
import { type OwnExecutable, parseChecksums } from '../core/release/checksums.ts';

export interface SelfWorld {
  readonly files: Pick<Files, 'read'>;
  readonly verifySignature: VerifySignature;
  /** @throws ERR_SELF_NO_EXECUTABLE where joinery runs on an installed Node.js */
  readonly ownExecutable: () => Promise<OwnExecutable>;
}

export interface VerifySelfInput {
  /** DER of the SubjectPublicKeyInfo of the Ed25519 key that signs releases. */
  readonly key: Uint8Array;
  /** File with the checksums of the release; by default SHA256SUMS beside the executable. */
  readonly sums?: string | undefined;
  /** File with the 64 bytes of the signature over the checksums; by default named like them, with .sig. */
  readonly signature?: string | undefined;
}

export interface VerifySelfResult extends OwnExecutable {
  /** What the release calls this file. */
  readonly name: string;
  readonly signer: Pin;
}

const MAX_SUMS = 65_536;
const SIGNATURE_OCTETS = 64;

/**
 * The signature comes first: nothing of a file that is not signed is believed.
 * @throws ERR_SELF_NO_EXECUTABLE, ERR_SELF_SIGNATURE, ERR_SELF_CHECKSUMS, ERR_SELF_UNKNOWN, ERR_FILE_*, ERR_INPUT_TOO_LARGE
 */
export async function verifySelf(world: SelfWorld, input: VerifySelfInput): Promise<VerifySelfResult> {
  const own = await world.ownExecutable();
  const sums = input.sums ?? `${own.path.slice(0, own.path.lastIndexOf('/') + 1)}SHA256SUMS`;
  const signatureFile = input.signature ?? `${sums}.sig`;
  const data = await world.files.read(sums, MAX_SUMS);
  const signature = await world.files.read(signatureFile, SIGNATURE_OCTETS);
  if (!world.verifySignature({ algorithm: 'ed25519', spki: input.key, data, signature, encoding: 'der' })) {
    throw new JoineryError('ERR_SELF_SIGNATURE', `${signatureFile}: expected the signature of --key over ${sums}, found another`, {
      hint: 'get checksums and signature of this version again, and the key from a place that you trust',
    });
  }
  const entry = parseChecksums(data, sums).find(({ digest }) => digest === own.digest);
  if (entry === undefined) {
    throw new JoineryError('ERR_SELF_UNKNOWN', `${own.path}: expected one of the files that ${sums} names, found ${own.digest}`, {
      hint: 'it is of another version, or was changed: do not use it; copy the released file again',
      details: { digest: own.digest },
    });
  }
  return { ...own, name: entry.name, signer: pinOf(input.key) };
}
