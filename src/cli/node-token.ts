/** The join token of a node: from a file, from stdin, or where the package has put it. */
import { readOnboarding } from '../app/node-settings.ts';
import { JoineryError } from '../core/errors.ts';
import { nodeLayout } from '../core/onboarding/layout.ts';
import { isTokenText } from '../core/onboarding/model.ts';
import type { Files } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { nameOfInput } from './input.ts';
import { readToken } from './token-flags.ts';

/** @throws ERR_USAGE without a token, ERR_TOKEN_MALFORMED, ERR_FILE_*, ERR_PACKAGE_MALFORMED */
export async function nodeToken(files: Files, directory: string, file: string | undefined): Promise<Secret> {
  const path = file ?? (await packagePath(files, directory));
  const text = await readToken(files, path);
  if (isTokenText(text)) return new Secret(text);
  throw new JoineryError('ERR_TOKEN_MALFORMED', `${nameOfInput(path)}: expected one line with a join token, found something else`);
}

async function packagePath(files: Files, directory: string): Promise<string> {
  const onboarding = await readOnboarding({ files }, directory);
  const path = onboarding && nodeLayout(onboarding).token;
  if (path !== undefined && (await files.stat(path)) !== undefined) return path;
  throw new JoineryError(
    'ERR_USAGE',
    '--token-file: expected a file with the join token, or an onboarding package with one, found neither',
  );
}
