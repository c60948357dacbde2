/** The process as commands see it. Tests run commands with their own; everything else uses {@link processIo}. */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Record<string, string | undefined>;
  cwd(): string;
  /** Exit status of the process, unless something sets another. */
  setExitStatus(status: number): void;
}

const processIo: Io = {
  // Opened when they are first used.
  get stdin() {
    return process.stdin;
  },
  get stdout() {
    return process.stdout;
  },
  get stderr() {
    return process.stderr;
  },
  env: process.env,
  cwd: () => process.cwd(),
  setExitStatus: (status) => {
    process.exitCode = status;
  },
};

const storage = new AsyncLocalStorage<Io>();

export function currentIo(): Io {
  return storage.getStore() ?? processIo;
}

export function withIo<T>(io: Io, work: () => Promise<T>): Promise<T> {
  return storage.run(io, work);
}

/** Writes and waits until the stream has taken it, so that a large output is neither lost nor held in memory. */
export function write(stream: NodeJS.WriteStream, text: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve())));
}
