/** A rendered file, and what every format has in common: how it reads and refuses. */
import type { Digest } from '../../digest.ts';
import { JoineryError } from '../../errors.ts';
import type { NodeFile, NodePlan } from '../files.ts';
import type { UserPart } from '../model.ts';

/** A file of the package as the operator holds it. */
export interface Artifact {
  /** Name in the package. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Where it is known already. */
  readonly sha256?: Digest;
}

/** Text of many that begin alike, with the digest that it cost little to know. */
export interface Digested {
  readonly bytes: Uint8Array;
  readonly sha256: Digest;
}

/** What a document carries. */
export interface Carried {
  readonly files: readonly NodeFile[];
  readonly parts?: readonly UserPart[];
}

/**
 * A format in both directions. `decode` finds the files and nothing else: whoever reads renders what was found again, and refuses a
 * document that is not, byte for byte, what `encode` writes.
 */
export interface Format {
  encode(plan: NodePlan): readonly Artifact[];
  /** Of a format that carries cloud-config: puts given cloud-config into it, as {@link encode} would the plan's own. */
  wrap?(cloudConfig: Digested, plan: NodePlan): readonly Artifact[];
  /** @param artifacts by path. @throws ERR_PACKAGE_MALFORMED and the errors of strict encodings. */
  decode(artifacts: ReadonlyMap<string, Uint8Array>): Carried;
}

export function malformed(what: string, expected: string, found: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_MALFORMED', `${what}: expected ${expected}, found ${found}`);
}

/** The artifact that a format cannot do without. */
export function artifactOf(artifacts: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  const bytes = artifacts.get(path);
  if (bytes === undefined) throw malformed(path, 'a file', 'none');
  return bytes;
}

/** `0600`: four octal digits, always quoted where they are written. */
export function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}

const encoded = new WeakMap<Uint8Array, string>();

/** Base64 of bytes that many packages share is made once. */
export function base64Of(bytes: Uint8Array): string {
  const known = encoded.get(bytes);
  if (known !== undefined) return known;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  encoded.set(bytes, text);
  return text;
}

/** Lines of 76 characters (RFC 2045 section 6.8), each ended. */
export function base64Lines(bytes: Uint8Array): string {
  return base64Of(bytes).replaceAll(/.{1,76}/g, '$&\n');
}
