/** Errors across a thread: structured clone keeps an error's text and loses its class, code and hint. */
import { type ErrorCode, type ErrorDetails, JoineryError } from '../core/errors.ts';

export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;
}

/** Any error as plain data; one without a code is a bug and becomes ERR_INTERNAL. */
export function plainError(error: unknown): PlainError {
  if (error instanceof JoineryError) return { code: error.code, message: error.message, hint: error.hint, details: error.details };
  return { code: 'ERR_INTERNAL', message: String(error), hint: undefined, details: {} };
}

export function fromPlainError({ code, message, hint, details }: PlainError): JoineryError {
  return new JoineryError(code, message, { details, ...(hint !== undefined && { hint }) });
}
