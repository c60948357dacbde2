/** What commands about the executable itself need: adapters that load when one of them runs. */
import type { SelfWorld } from '../app/verify-self.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { isInlineKey, parseReleaseKey } from '../core/release/checksums.ts';
import { nameOfInput, readInput } from './input.ts';
import { systemWorld } from './system-world.ts';

const MAX_KEY = 8192;

export async function selfWorld(): Promise<SelfWorld> {
  const { ownExecutable } = await import('../adapters/own-executable.ts');
  return { files: systemWorld.files, verifySignature: systemWorld.verifySignature, ownExecutable };
}

/** @param value the key itself, or the file that holds it. @throws ERR_SELF_KEY and what reading throws */
export async function releaseKey(value: string): Promise<Uint8Array> {
  const bytes = isInlineKey(value) ? utf8(value) : await readInput(systemWorld.files, value, MAX_KEY);
  return parseReleaseKey(decodeUtf8(bytes, '--key'), isInlineKey(value) ? '--key' : nameOfInput(value));
}

/** The licence texts of everything in the executable. @throws ERR_SELF_NO_EXECUTABLE */
export async function licenses(): Promise<string> {
  const { embeddedText } = await import('../adapters/embedded-files.ts');
  const text = embeddedText('licenses.txt');
  if (text === undefined) throw (await import('../adapters/own-executable.ts')).noExecutable();
  return text;
}
