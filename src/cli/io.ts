/** The process as commands see it. Tests run commands with their own; everything else uses {@link processIo}. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { fstatSync, writeSync } from 'node:fs';
import { utf8 } from '../core/encoding.ts';

export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Record<string, string | undefined>;
  cwd(): string;
  /** Exit status of the process, unless something sets another. */
  setExitStatus(status: number): void;
}

export interface Output {
  /** Opened when it is first asked for: that costs milliseconds. */
  readonly stream: NodeJS.WriteStream;
  /** Writes what can be written without the stream. @returns what is left for the stream. @throws what the system says */
  readonly atOnce?: ((bytes: Uint8Array) => Uint8Array) | undefined;
}

const processIo: Io = {
  // Opened when it is first used.
  get stdin() {
    return process.stdin;
  },
  stdout: processOutput(1, () => process.stdout),
  stderr: processOutput(2, () => process.stderr),
  env: process.env,
  cwd: () => process.cwd(),
  setExitStatus: (status) => {
    process.exitCode = status;
  },
};

/** Files and pipes take what is written at once, until a stream has been opened on them: then all goes its way. */
function processOutput(descriptor: 1 | 2, open: () => NodeJS.WriteStream): Output {
  let opened = false;
  return {
    get stream() {
      opened = true;
      return open();
    },
    atOnce: (bytes) => (opened || !takesBytes(descriptor) ? bytes : writeAtOnce(descriptor, bytes)),
  };
}

function takesBytes(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  return stats.isFile() || stats.isFIFO() || stats.isSocket();
}

function writeAtOnce(descriptor: number, bytes: Uint8Array): Uint8Array {
  let rest = bytes;
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest));
  } catch (error) {
    // A pipe that somebody made non-blocking, and that is full: the stream waits for it.
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return rest;
}

const storage = new AsyncLocalStorage<Io>();

export function currentIo(): Io {
  return storage.getStore() ?? processIo;
}

export function withIo<T>(io: Io, work: () => Promise<T>): Promise<T> {
  return storage.run(io, work);
}

/** Writes and waits until it is taken, so that a large output is neither lost nor held in memory. @throws what the system says */
export async function write(output: Output, text: string | Uint8Array): Promise<void> {
  const bytes = typeof text === 'string' ? utf8(text) : text;
  const rest = output.atOnce?.(bytes) ?? bytes;
  if (rest.length === 0) return;
  await new Promise<void>((resolve, reject) => output.stream.write(rest, (error) => (error ? reject(error) : resolve())));
}
