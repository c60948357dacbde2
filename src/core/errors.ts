/**
 * Every error that joinery reports: one table, one class.
 *
 * A row gives the family (which decides the exit status), the HTTP status and the gRPC code that a server answers, and
 * a title. `docs/reference/errors.md` is generated from this table and a test keeps the two equal.
 */

/** Exit status of the process for each family of errors. */
export const EXIT_STATUS = {
  bug: 1,
  usage: 2,
  malformed: 3,
  refused: 4,
  conflict: 5,
  'not-found': 6,
  network: 7,
  objective: 8,
  interrupted: 130,
} as const;

export type ErrorFamily = keyof typeof EXIT_STATUS;

export interface ErrorRow {
  readonly family: ErrorFamily;
  /** HTTP status that a server answers for it. */
  readonly http: number;
  /** gRPC status code name, lower case with underscores. */
  readonly grpc: string;
  readonly title: string;
}

const row = (family: ErrorFamily, http: number, grpc: string, title: string): ErrorRow => ({ family, http, grpc, title });

const bug = (title: string) => row('bug', 500, 'internal', title);
const usage = (title: string) => row('usage', 400, 'invalid_argument', title);
const malformed = (title: string) => row('malformed', 400, 'invalid_argument', title);
const refused = (title: string) => row('refused', 403, 'permission_denied', title);
const conflict = (title: string) => row('conflict', 409, 'already_exists', title);
const notFound = (title: string) => row('not-found', 404, 'not_found', title);
const network = (title: string) => row('network', 503, 'unavailable', title);

export const ERRORS = {
  // general
  ERR_INTERNAL: bug('a bug in joinery'),
  ERR_INTERRUPTED: row('interrupted', 499, 'cancelled', 'interrupted by the user'),
  ERR_USAGE: usage('the command line is wrong'),
  ERR_USAGE_UNKNOWN_COMMAND: usage('no such command'),
  ERR_USAGE_NO_TERMINAL: usage('a question needs a terminal'),
  ERR_INPUT_MALFORMED: malformed('the input has the wrong form'),
  ERR_INPUT_TOO_LARGE: malformed('the input is over its size limit'),
  ERR_JSON_MALFORMED: malformed('not strict JSON'),
  ERR_ENCODING_MALFORMED: malformed('not the expected text encoding'),
  ERR_PEM_MALFORMED: malformed('not well-formed PEM'),
  // files
  ERR_FILE_NOT_FOUND: notFound('a file or directory does not exist'),
  ERR_FILE_EXISTS: conflict('a file is there already and is not overwritten'),
  ERR_FILE_ACCESS: malformed('a file or directory cannot be read or written'),
  ERR_FILE_DISK_FULL: network('no space is left for a file'),
  // realm and configuration
  ERR_REALM_NOT_FOUND: notFound('no realm was found'),
  ERR_REALM_EXISTS: conflict('a realm is there already'),
  ERR_REALM_MALFORMED: malformed('the state of the realm is damaged'),
  ERR_REALM_VERSION: malformed('the realm was written by another version'),
  ERR_CONFIG_MALFORMED: malformed('the configuration is wrong'),
  ERR_CLUSTER_UNKNOWN: refused('the cluster is not configured'),
  ERR_ROLE_UNKNOWN: refused('the role is not configured for the cluster'),
  ERR_STORE_CONFLICT: conflict('another process changed the same record'),
  ERR_STORE_BUSY: network('the store is locked by another process'),
  ERR_CLOCK_BEHIND: refused('the clock is behind the last recorded time'),
  // keys
  ERR_KEY_NOT_FOUND: notFound('a key does not exist'),
  ERR_KEY_PASSPHRASE: refused('the passphrase does not open the key'),
  ERR_KEY_PASSPHRASE_WEAK: refused('the passphrase is too short'),
  ERR_KEY_MALFORMED: malformed('not a usable private or public key'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Machine-readable facts about an error: never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorOptionsOf {
  /** The next step for the person who reads it. */
  readonly hint?: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** The one error class. `message` is lower case, says what was expected and what was found, and never holds a secret. */
export class JoineryError extends Error {
  override readonly name = 'JoineryError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsOf = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }

  /** Exit status of a process that ends with this error. */
  get exitStatus(): number {
    return EXIT_STATUS[this.family];
  }
}

/** @returns true if `error` is a JoineryError, with the given code where one is named. */
export function isJoineryError(error: unknown, code?: ErrorCode): error is JoineryError {
  return error instanceof JoineryError && (code === undefined || error.code === code);
}

/** For misuse by our own code: throws ERR_INTERNAL when `condition` is false. */
export function assertInternal(condition: boolean, message: string): asserts condition {
  if (!condition) throw new JoineryError('ERR_INTERNAL', message);
}
