/** Flags of the commands about shared cluster certificates, and where a new join token of theirs goes. */
import * as Flags from '@oclif/core/flags';
import { JoineryError } from '../core/errors.ts';
import { utf8 } from '../core/encoding.ts';
import type { Files } from '../core/ports.ts';
import type { Secret } from '../core/secret.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { durationFlag } from './flags.ts';
import type { Seconds } from '../core/time.ts';

export const clusterFlag = {
  cluster: Flags.string({ description: 'name of the cluster (default: the only one)', helpValue: 'NAME' }),
};

export const answerFlags = {
  out: Flags.string({ char: 'o', description: 'new directory for the sealed answers, one for each member', helpValue: 'DIR' }),
};

export const sharedTokenFlags = {
  'token-out': Flags.string({ description: 'new file for the new join token, mode 0600', helpValue: 'FILE', helpGroup: 'TOKEN' }),
  reveal: Flags.boolean({ description: 'print the new join token to stdout', helpGroup: 'TOKEN' }),
};

export const tokenTermFlags = {
  'token-ttl': Flags.string({ description: 'life of the join token, or never (default)', helpValue: 'DURATION', helpGroup: 'TOKEN' }),
  'token-uses': Flags.integer({ min: 1, description: 'how many nodes may use it (default: any number)', helpGroup: 'TOKEN' }),
};

export function optionalDuration(flag: string, value: string | undefined): Seconds | undefined {
  return value === undefined ? undefined : durationFlag(flag, value);
}

/** null: never. */
export function tokenTtl(value: string | undefined): Seconds | null {
  return value === undefined || value === 'never' ? null : durationFlag('--token-ttl', value);
}

interface TokenPlace {
  readonly 'token-out'?: string | undefined;
  readonly reveal: boolean;
}

/** Before a token is made: one that cannot be delivered must not exist. @throws ERR_USAGE, ERR_FILE_EXISTS */
export async function checkTokenPlace(files: Files, { 'token-out': out, reveal }: TokenPlace): Promise<void> {
  if (out === undefined && !reveal) {
    throw new JoineryError('ERR_USAGE', '--token-out: expected a file for the new join token, or --reveal, found neither', {
      hint: 'the old token stops working; write the new one to a file of mode 0600 with --token-out FILE',
    });
  }
  if (out === undefined || (await files.stat(out)) === undefined) return;
  throw new JoineryError('ERR_FILE_EXISTS', `${out}: expected a new file for the token, found one that exists`, {
    hint: 'choose another name',
  });
}

export interface DeliveredToken {
  readonly data: JsonObject;
  readonly fields: Readonly<Record<string, string>>;
}

/** Writes the token to its file. @returns what to say of it. */
export async function deliverSharedToken(files: Files, place: TokenPlace, token: Secret | undefined): Promise<DeliveredToken> {
  if (token === undefined) return { data: {}, fields: {} };
  const { 'token-out': out, reveal } = place;
  if (out !== undefined) await files.create(out, utf8(`${token.reveal()}\n`), 0o600);
  const shown = { ...(reveal && { token: token.reveal() }) };
  return {
    data: { ...(out !== undefined && { token_file: out }), ...shown },
    fields: { ...(out !== undefined && { 'token file': out }), ...shown },
  };
}
