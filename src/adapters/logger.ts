/** The log of a server: JSON lines by pino, each field redacted before it is written. */
import { pino } from 'pino';
import { redact, redactText } from '../core/redact.ts';
import type { Logger, LogLevel } from '../core/telemetry.ts';

export interface LoggerOptions {
  /** Where the lines go: `process.stderr`, or what a test reads. */
  readonly stream: { write(line: string): unknown };
  /** Default info. */
  readonly level?: LogLevel;
}

/** Lines hold `time` (RFC 3339), `level`, `service`, `msg` and the fields. */
export function jsonLogger({ stream, level = 'info' }: LoggerOptions): Logger {
  const log = pino(
    {
      level,
      base: { service: 'joinery' },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // A reader that went away must not end the server.
    { write: (line) => void stream.write(line) },
  );
  return { log: (at, message, fields = {}) => log[at](redact(fields), redactText(message)) };
}
