/** What the store's two threads say to each other. */
import type { AuditEvent } from '../core/ports.ts';
import { type PlainError, plainError } from './plain-error.ts';
import { SqliteEngine, type TextCommit } from './sqlite-engine.ts';
import { copyDatabase, createDatabase, formatOfFile, openDatabase, upgradeDatabase } from './sqlite-file.ts';
import type { StoreFormat } from './sqlite-format.ts';

export interface OpenRequest {
  readonly path: string;
  readonly create: boolean;
  readonly format: StoreFormat;
  readonly timeoutMs: number;
}

export type StoreRequest =
  | ({ readonly op: 'open' } & OpenRequest)
  | { readonly op: 'get'; readonly key: string }
  | { readonly op: 'list'; readonly prefix: string; readonly after: string; readonly limit: number }
  | { readonly op: 'commit'; readonly commits: readonly TextCommit[] }
  | { readonly op: 'auditRecords'; readonly from: number; readonly limit: number }
  | { readonly op: 'auditSize' }
  | { readonly op: 'changes'; readonly since: number }
  | { readonly op: 'close' }
  | { readonly op: 'copy'; readonly from: string; readonly to: string; readonly timeoutMs: number }
  | { readonly op: 'formatOf'; readonly path: string; readonly timeoutMs: number }
  | { readonly op: 'upgrade'; readonly path: string; readonly format: StoreFormat; readonly timeoutMs: number; readonly event: AuditEvent };

export interface StoreMessage {
  readonly id: number;
  readonly request: StoreRequest;
}

export type StoreReply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: PlainError };

/** The worker's side: answers requests in order, with one database or none open. */
export class StoreService {
  #engine: SqliteEngine | undefined;

  answer({ id, request }: StoreMessage): StoreReply {
    try {
      return { id, value: this.#run(request) };
    } catch (error) {
      return { id, error: plainError(error) };
    }
  }

  #run(request: StoreRequest): unknown {
    switch (request.op) {
      case 'open':
        this.#engine = openEngine(request);
        return undefined;
      case 'close':
        this.#engine?.close();
        this.#engine = undefined;
        return undefined;
      case 'copy':
        return copyDatabase(request.from, request.to, request.timeoutMs);
      case 'formatOf':
        return formatOfFile(request.path, request.timeoutMs);
      case 'upgrade':
        return upgradeDatabase(request.path, request.format, request.timeoutMs, request.event);
      default:
        return runOpen(this.#engine as SqliteEngine, request);
    }
  }
}

function openEngine({ path, create, format, timeoutMs }: OpenRequest): SqliteEngine {
  return new SqliteEngine(path, create ? createDatabase(path, format, timeoutMs) : openDatabase(path, format, timeoutMs));
}

type OpenOnly = Extract<StoreRequest, { op: 'get' | 'list' | 'commit' | 'auditRecords' | 'auditSize' | 'changes' }>;

function runOpen(engine: SqliteEngine, request: OpenOnly): unknown {
  switch (request.op) {
    case 'get':
      return engine.get(request.key);
    case 'list':
      return engine.list(request.prefix, request.after, request.limit);
    case 'commit':
      return engine.commitAll(request.commits);
    case 'auditRecords':
      return engine.auditRecords(request.from, request.limit);
    case 'auditSize':
      return engine.auditSize();
    case 'changes':
      return engine.changes(request.since);
  }
}
