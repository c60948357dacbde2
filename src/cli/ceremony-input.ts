/** The reviewed file of a ceremony: its exact bytes, and what they say. */
import type { CeremonyInput } from '../app/plan-ceremony.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import type { Files } from '../core/ports.ts';
import { nameOfInput, readInput } from './input.ts';

const MAX_CEREMONY_BYTES = 1024 * 1024;

/** @throws ERR_FILE_*, ERR_ENCODING_MALFORMED, ERR_CONFIG_MALFORMED for what is not YAML */
export async function ceremonyInput(files: Pick<Files, 'read'>, path: string): Promise<CeremonyInput> {
  const what = nameOfInput(path);
  const bytes = await readInput(files, path, MAX_CEREMONY_BYTES);
  const { parseYaml } = await import('../adapters/config-file.ts');
  return { bytes, value: await parseYaml(decodeUtf8(bytes, what), what), what };
}
