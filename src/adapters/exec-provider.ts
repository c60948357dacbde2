/** A program that signs: the request as JSON on its standard input, the certificate as JSON on its standard output. */
import { parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { type OpenProvider, parseProviderReply } from '../core/join/provider.ts';
import { runProgram } from './run-program.ts';

const DEFAULT_SECONDS = 10;
const MAX_BYTES = 128 * 1024;

/** Runs it without a shell, and with nothing of the environment but PATH. */
export const execProvider: OpenProvider = ({ exec, timeout = DEFAULT_SECONDS }) => ({
  async issue(request) {
    const what = `identity_provider ${exec[0]}`;
    const out = await runProgram(exec, { stdin: `${JSON.stringify(request)}\n`, timeoutMs: timeout * 1000, maxBytes: MAX_BYTES }).catch(
      (cause: unknown) => Promise.reject(unavailable(what, cause)),
    );
    try {
      return parseProviderReply(parseStrictJson(decodeUtf8(out, what), what), what);
    } catch (cause) {
      // Reading throws nothing else.
      throw new JoineryError('ERR_PROVIDER_CERTIFICATE', (cause as JoineryError).message, { cause });
    }
  },
});

function unavailable(what: string, cause: unknown): JoineryError {
  return new JoineryError(
    'ERR_PROVIDER_UNAVAILABLE',
    `${what}: expected a certificate, found that it failed: ${(cause as Error).message}`,
    {
      cause,
      hint: 'the token was not used: ask again',
    },
  );
}
