/** Hands a token to the rest of a pipeline, the way that pipeline expects it. */
import { appendFileSync } from 'node:fs';
import * as Flags from '@oclif/core/flags';
import { guarded } from '../adapters/files.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import type { Outcome } from './base-command.ts';
import { currentIo, write } from './io.ts';
import type { Minted } from './token-request.ts';

export const ciFlag = Flags.option({
  options: ['github', 'gitlab'] as const,
  description:
    'hand the token to the pipeline: github masks it and sets the output join_token; gitlab writes the dotenv report named by --out',
  exclusive: ['count', 'from', 'reveal'],
});

/** Before anything is minted. @throws ERR_USAGE when the pipeline has given no place for it. */
export function checkCi(ci: 'github' | 'gitlab', out: string | undefined): void {
  if (ci === 'github' && !currentIo().env['GITHUB_OUTPUT']) {
    throw new JoineryError('ERR_USAGE', '--ci: expected GITHUB_OUTPUT in the environment of a GitHub step, found none');
  }
  if (ci === 'github' && out !== undefined) {
    throw new JoineryError('ERR_USAGE', '--out: expected without --ci github, which sets an output of the step, found with it');
  }
  if (ci === 'gitlab' && out === undefined) {
    throw new JoineryError('ERR_USAGE', '--out: expected with --ci gitlab the file that artifacts:reports:dotenv names, found none');
  }
}

export async function deliverToCi(
  files: Files,
  ci: 'github' | 'gitlab',
  out: string | undefined,
  minted: Minted,
  json: boolean,
): Promise<Outcome> {
  const token = minted.token.reveal();
  if (ci === 'gitlab') {
    const file = out as string;
    await files.create(file, utf8(`JOIN_TOKEN=${token}\n`), 0o600);
    return outcome(minted, { file, variable: 'JOIN_TOKEN' }, `wrote JOIN_TOKEN to ${file}`);
  }
  const { stdout, stderr, env } = currentIo();
  // The command that masks must come first: from then on the runner blots the value out of every log. Under --json it goes to stderr.
  await write(json ? stderr : stdout, `::add-mask::${token}\n`);
  const file = env['GITHUB_OUTPUT'] as string;
  await guarded(file, () => appendFileSync(file, `join_token=${token}\n`));
  return outcome(minted, { output: 'join_token' }, 'set the output join_token');
}

function outcome(minted: Minted, where: JsonObject, told: string): Outcome {
  return { data: { ...minted.data, ...where }, text: `${minted.about}\n${told}` };
}
