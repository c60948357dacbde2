/** The store's worker thread, seen from outside. */
import { Worker } from 'node:worker_threads';
import { JoineryError } from '../core/errors.ts';
import { embeddedText } from './embedded-files.ts';
import { fromPlainError } from './plain-error.ts';
import type { StoreReply, StoreRequest } from './sqlite-protocol.ts';

export interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The worker and the requests that it has not answered yet. */
export class StoreThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #holds = 0;
  #dead: Error | undefined;
  #lastId = 0;

  constructor() {
    this.#worker = startWorker();
    this.#worker.unref();
    this.#worker.on('message', (reply: StoreReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new JoineryError('ERR_INTERNAL', 'the store is closed')));
  }

  request<T>(request: StoreRequest): Promise<T> {
    if (this.#dead !== undefined) return Promise.reject(this.#dead);
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      // First: it throws for what cannot be cloned, and then nobody must wait.
      this.#worker.postMessage({ id, request });
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#hold();
    });
  }

  /** Ends the thread once it has answered everything. */
  async stop(): Promise<void> {
    if (this.#dead === undefined) await this.request({ op: 'close' });
  }

  /** The process stays alive while a request waits for its answer. */
  #hold(): void {
    if (this.#holds++ === 0) this.#worker.ref();
  }

  #release(): void {
    if (--this.#holds === 0) this.#worker.unref();
  }

  #settle(reply: StoreReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    this.#release();
    if ('error' in reply) waiting?.reject(fromPlainError(reply.error));
    else waiting?.resolve(reply.value);
  }

  #fail(error: Error): void {
    this.#dead ??= error;
    for (const [id, waiting] of this.#waiting) {
      this.#waiting.delete(id);
      waiting.reject(error);
    }
  }
}

function startWorker(): Worker {
  // No environment: a passphrase in it is nothing that the store needs.
  const options = { name: 'joinery-store', env: {}, execArgv: [] };
  const embedded = embeddedText('sqlite-worker.cjs');
  if (embedded !== undefined) return new Worker(embedded, { ...options, eval: true });
  // Under vitest and bin/dev.js the sources run as they are; Node strips their types in the worker too.
  const file = import.meta.url.endsWith('.ts') ? './sqlite-worker.ts' : './sqlite-worker.js';
  return new Worker(new URL(file, import.meta.url), options);
}
