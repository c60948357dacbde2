/** Results of trust commands that are a file: to --out, never over another one, or to stdout. */
import type { JsonObject } from '../core/canonical-json.ts';
import { utf8 } from '../core/encoding.ts';
import type { Files } from '../core/ports.ts';
import type { Outcome } from './base-command.ts';

/** @param out a path, or undefined or `-` for stdout. @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS */
export async function fileOutcome(files: Files, out: string | undefined, text: string, data: JsonObject, said: string): Promise<Outcome> {
  if (out === undefined || out === '-') return { data: { ...data, content: text }, text: text.replace(/\n$/, '') };
  await files.create(out, utf8(text), 0o644);
  return { data: { ...data, file: out }, text: `${said}\nwrote ${out}` };
}
