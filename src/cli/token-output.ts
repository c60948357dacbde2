/** Where a new token goes: into a new file of mode 0600, or to stdout when somebody says so. */
import { dirname } from 'node:path';
import * as Flags from '@oclif/core/flags';
import type { JsonObject } from '../core/canonical-json.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Outcome } from './base-command.ts';
import { endOnSignal } from './signals.ts';

export const tokenOutputFlags = {
  out: Flags.string({ char: 'o', description: 'new file for the token, mode 0600', helpValue: 'FILE' }),
  reveal: Flags.boolean({ description: 'print the token to stdout', default: false }),
};

export interface TokenOutput {
  readonly out?: string | undefined;
  readonly reveal: boolean;
}

/**
 * Before anything is minted: a token that cannot be delivered must not exist.
 * @throws ERR_USAGE when the token has nowhere to go, ERR_FILE_NOT_FOUND, ERR_FILE_EXISTS
 */
export async function checkTokenOutput(files: Files, { out, reveal }: TokenOutput): Promise<void> {
  if (out === '-' || out === '' || (out === undefined && !reveal)) {
    throw new JoineryError('ERR_USAGE', '--out: expected a file for the token, or --reveal, found neither', {
      hint: 'write it to a file of mode 0600 with --out FILE; --reveal prints it, where a log may keep it',
    });
  }
  if (out === undefined) return;
  if ((await files.stat(dirname(out))) === undefined)
    throw new JoineryError('ERR_FILE_NOT_FOUND', `${out}: expected a directory to write it in, found none`);
  if ((await files.stat(out)) === undefined) return;
  throw new JoineryError('ERR_FILE_EXISTS', `${out}: expected a new file for the token, found one that exists`, {
    hint: 'choose another name',
  });
}

/**
 * A new file of mode 0600 from what is minted piece by piece.
 * @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS, ERR_FILE_DISK_FULL; ERR_INTERRUPTED at a signal: then no token is left in any file.
 */
export async function createTokenFile(out: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const { createFrom } = await import('../adapters/file-writes.ts');
  const ending = endOnSignal();
  try {
    await createFrom(out, untilAborted(pieces, ending.signal), 0o600);
  } finally {
    ending.off();
  }
}

async function* untilAborted(pieces: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    if (signal.aborted) throw new JoineryError('ERR_INTERRUPTED', 'interrupted: no file was made, and nobody holds what was minted');
    yield piece;
  }
}

/** @param about what to print of the token when it goes into a file. */
export async function deliverToken(
  files: Files,
  { out, reveal }: TokenOutput,
  minted: { readonly token: Secret; readonly data: JsonObject; readonly about: string },
): Promise<Outcome> {
  const token = minted.token.reveal();
  if (out !== undefined) await files.create(out, utf8(`${token}\n`), 0o600);
  const data = { ...minted.data, ...(out !== undefined && { file: out }), ...(reveal && { token }) };
  return { data, text: reveal ? token : `${minted.about}\nwrote ${String(out)}` };
}
