/** Input files of commands; `-` is stdin. */
import { guarded } from '../adapters/files.ts';
import { type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { concat, decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import { currentIo } from './io.ts';

/** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE */
export function readInput(files: Pick<Files, 'read'>, path: string, maxBytes: number): Promise<Uint8Array> {
  return path === '-' ? guarded('stdin', () => readStdin(maxBytes)) : files.read(path, maxBytes);
}

async function readStdin(maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of currentIo().stdin) {
    const bytes = chunk as Uint8Array;
    total += bytes.length;
    if (total > maxBytes) throw new JoineryError('ERR_INPUT_TOO_LARGE', `stdin: expected at most ${maxBytes} bytes, found more`);
    chunks.push(bytes);
  }
  return concat(...chunks);
}

/** How a path is named in messages. */
export function nameOfInput(path: string): string {
  return path === '-' ? 'stdin' : path;
}

/** Documents that people pass around. */
const MAX_JSON = 8 * 1024 * 1024;

/** Strict JSON from a file or stdin, with its name for messages. @throws ERR_JSON_MALFORMED, ERR_ENCODING_MALFORMED and what reading throws */
export async function readJson(files: Pick<Files, 'read'>, path: string): Promise<{ readonly value: JsonValue; readonly what: string }> {
  const what = nameOfInput(path);
  return { what, value: parseStrictJson(decodeUtf8(await readInput(files, path, MAX_JSON), what), what) };
}
