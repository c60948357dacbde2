/** Readers for documents of public suites: what they must have is checked, what else they have is passed over. */
import { fromHex } from '../encoding.ts';
import { JoineryError } from '../errors.ts';

export type Shape = Readonly<Record<string, unknown>>;

export function corpusError(where: string, expected: string): JoineryError {
  return new JoineryError('ERR_CORPUS_MALFORMED', `${where}: expected ${expected}, found something else`, {
    hint: 'the suite is damaged or of a form that is not known here',
  });
}

/** @throws ERR_CORPUS_MALFORMED */
export function objectOf(value: unknown, where: string): Shape {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corpusError(where, 'an object');
  return value as Shape;
}

/** @throws ERR_CORPUS_MALFORMED */
export function listOf(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw corpusError(where, 'an array');
  return value;
}

/** @throws ERR_CORPUS_MALFORMED */
export function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw corpusError(where, 'a string');
  return value;
}

/** @throws ERR_CORPUS_MALFORMED */
export function numberOf(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw corpusError(where, 'a whole number');
  return value;
}

/** Texts; an absent list is an empty one. @throws ERR_CORPUS_MALFORMED */
export function textsOf(value: unknown, where: string): readonly string[] {
  return listOf(value ?? [], where).map((entry) => textOf(entry, where));
}

/** @throws ERR_CORPUS_MALFORMED */
export function bytesOf(value: unknown, where: string): Uint8Array {
  const text = textOf(value, where).toLowerCase();
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw corpusError(where, 'octets in hex');
  return fromHex(text);
}
