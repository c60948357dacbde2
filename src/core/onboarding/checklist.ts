/** A list of checks that are all reported: what holds, what fails and why, what could not be looked at. */
import { type ErrorCode, isJoineryError } from '../errors.ts';

export interface CheckRow {
  readonly check: string;
  readonly result: 'ok' | 'failed' | 'warning' | 'skipped';
  readonly detail: string;
  /** Of a failed check. */
  readonly code?: ErrorCode;
}

/** What a check that holds gives: a sentence, and what later checks need of it. */
export interface Passed<T> {
  readonly detail: string;
  readonly value: T;
  /** It holds, and somebody should look at it. */
  readonly warning?: boolean;
}

export function passed(detail: string): Passed<true> {
  return { detail, value: true };
}

export function warned(detail: string): Passed<true> {
  return { detail, value: true, warning: true };
}

/** The row of an error. Anything but a coded error is a bug and passes through. */
export function failedRow(check: string, error: unknown): CheckRow {
  if (!isJoineryError(error)) throw error;
  return { check, result: 'failed', detail: error.message, code: error.code };
}

export function passedRow(check: string, { detail, warning }: Passed<unknown>): CheckRow {
  return { check, result: warning === true ? 'warning' : 'ok', detail };
}

export class Checklist<Name extends string> {
  readonly #rows: CheckRow[] = [];
  readonly #names: readonly Name[];

  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  /** Runs one check. @returns its value, or undefined when it failed. */
  run<T>(check: Name, work: () => Passed<T>): T | undefined {
    try {
      const result = work();
      this.#rows.push(passedRow(check, result));
      return result.value;
    } catch (error) {
      this.#rows.push(failedRow(check, error));
      return undefined;
    }
  }

  /** A row for every name, in the order of the names. */
  get rows(): readonly CheckRow[] {
    const done = new Map(this.#rows.map((row) => [row.check, row]));
    return this.#names.map(
      (check) => done.get(check) ?? { check, result: 'skipped', detail: 'not looked at, because a check before it failed' },
    );
  }
}
