/** Runs another command of joinery inside this process and gives its result: what `joinery demo` is made of. */
import { Writable } from 'node:stream';
import type { Config } from '@oclif/core/config';
import type { ErrorCode } from '../core/errors.ts';
import { JoineryError } from '../core/errors.ts';
import { currentIo, withIo } from './io.ts';

interface Envelope {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: ErrorCode; readonly message: string; readonly hint?: string };
}

/**
 * @param argv the words of the command and its flags, without `--json`.
 * @param cwd where it runs: paths in argv are relative to it.
 * @param variables added to its environment.
 * @returns the `data` of its envelope.
 * @throws the command's own error.
 */
export async function runInProcess(
  config: Config,
  argv: readonly string[],
  cwd: string,
  variables: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, unknown>>> {
  const chunks: string[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  }) as unknown as NodeJS.WriteStream;
  const { run } = await import('@oclif/core/run');
  const io = {
    ...currentIo(),
    stdout: { stream: stdout },
    env: { ...currentIo().env, ...variables },
    cwd: () => cwd,
    setExitStatus: () => undefined,
  };
  const before = process.cwd();
  process.chdir(cwd);
  try {
    await withIo(io, () => run([...argv, '--json'], { ...config.options, plugins: config.plugins }) as Promise<void>);
  } finally {
    process.chdir(before);
  }
  const envelope = JSON.parse(chunks.join('')) as Envelope;
  if (envelope.error !== undefined) {
    const { code, message, hint } = envelope.error;
    throw new JoineryError(code, message, hint === undefined ? {} : { hint });
  }
  return envelope.data ?? {};
}
