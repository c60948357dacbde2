/** A program that is an identity provider: a request as one line of JSON on its standard input, the answer on its standard output. */
import { type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { IdentityProvider } from '../core/join/provider.ts';
import { assertRevoked, parseSigned, parseTrustBundle, providerMessage } from '../core/join/provider-messages.ts';
import { runProgram } from './run-program.ts';

const MAX_BYTES = 1024 * 1024;

export interface ExecProviderOptions {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  /** Names it in errors. */
  readonly what: string;
}

/** Runs it without a shell, and with nothing of the environment but PATH. */
export function execProvider({ command, timeoutMs, what }: ExecProviderOptions): IdentityProvider {
  const ask = async <T>(stdin: string, parse: (value: JsonValue, what: string) => T): Promise<T> => {
    const out = await runProgram(command, { stdin, timeoutMs, maxBytes: MAX_BYTES }).catch((cause: unknown) =>
      Promise.reject(unavailable(what, cause)),
    );
    return parse(readAnswer(out, what), what);
  };
  return {
    issue: (request) => ask(providerMessage('issue', request), parseSigned),
    renew: (request) => ask(providerMessage('renew', request), parseSigned),
    revoke: (revocation) => ask(providerMessage('revoke', revocation), assertRevoked),
    trustBundle: () => ask(providerMessage('trust_bundle'), parseTrustBundle),
  };
}

function readAnswer(out: Uint8Array, what: string): JsonValue {
  try {
    return parseStrictJson(decodeUtf8(out, what), what);
  } catch (cause) {
    if (!isJoineryError(cause)) throw cause;
    throw new JoineryError('ERR_PROVIDER_CERTIFICATE', cause.message, { cause });
  }
}

function unavailable(what: string, cause: unknown): JoineryError {
  return new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: expected an answer, found that it failed: ${(cause as Error).message}`, {
    cause,
    hint: 'nothing was written: ask again',
  });
}
