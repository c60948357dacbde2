/** The one line that makes a node join with a token: `token mint --print-join-command`. The token is in a file or on stdin, never in the line. */
import type { JoinHints } from '../app/join-hints.ts';
import { JoineryError } from '../core/errors.ts';
import { PURPOSES } from '../core/trust/purpose.ts';
import { isStateless } from './token-batch.ts';
import type { MintFlags } from './token-request.ts';
import type { TokenOutput } from './token-output.ts';

type JoinFlags = MintFlags & Parameters<typeof isStateless>[0];

/** Before anything is minted. @throws ERR_USAGE */
export function checkJoinCommand(flags: JoinFlags): void {
  if (flags.cluster.length > 1)
    throw new JoineryError('ERR_USAGE', `--print-join-command: expected one --cluster, found ${flags.cluster.length}`);
  if (isStateless(flags))
    throw new JoineryError('ERR_USAGE', '--print-join-command: expected a token of a realm, found a key of its own', {
      hint: 'without a realm nothing says which trust the node starts from',
    });
}

/** A jwt says most of it itself; what a token does not say becomes a flag. */
export function joinCommand(flags: MintFlags, { out }: Pick<TokenOutput, 'out'>, hints: JoinHints): string {
  const { format, cluster, role, node } = flags;
  const isJwt = format === 'jwt';
  const words = [
    ...(isJwt && flags.url !== undefined && flags.url.length > 0 ? [] : hints.urls.flatMap((url) => ['--url', url])),
    ...(isJwt ? [] : PURPOSES.flatMap((purpose) => ['--trust-digest', `${purpose}=${hints.trustDigests[purpose]}`])),
    ...(isJwt ? [] : ['--cluster', cluster[0] as string, '--role', role]),
    ...(isJwt || node === undefined ? [] : ['--node', node]),
    '--token-file',
    out ?? '-',
  ];
  return `joinery node join ${words.map(quoted).join(' ')}`;
}

/** As a POSIX shell takes it. */
function quoted(word: string): string {
  return /^[A-Za-z0-9._/:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
