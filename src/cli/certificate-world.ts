/** What commands about certificates need beside a realm. Libraries load when they are first used. */
import { portableKeys } from '../adapters/portable-keys.ts';
import { systemRandom } from '../adapters/random.ts';
import type { PortableKeys, WritePkcs12 } from '../core/key-ports.ts';

export function certificateKeys(): PortableKeys {
  return portableKeys;
}

export const pkcs12Writer: WritePkcs12 = async (contents) => (await import('../adapters/pkcs12.ts')).writePkcs12(contents, systemRandom);
