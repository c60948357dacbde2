/** What the doctor found, for people and as data. */
import type { FixResult } from '../../app/doctor-fix.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { DOCTOR_CHECKS, type Finding, SEVERITIES, type Severity } from '../../core/doctor/finding.ts';
import { printable, type Style } from './text.ts';

const COLOURS = { info: 'cyan', warn: 'yellow', critical: 'red' } as const;

export function findingLines(findings: readonly Finding[], paint: Style): string[] {
  return findings.flatMap(({ code, severity, where, what, next }) => [
    `${paint(COLOURS[severity], severity.padEnd(8))}  ${printable(where)}  ${paint('dim', `[${code}]`)}`,
    `          ${printable(what)}`,
    `          ${paint('dim', 'next:')} ${printable(next)}`,
  ]);
}

export function countBySeverity(findings: readonly Finding[]): Readonly<Record<Severity, number>> {
  const count = (severity: Severity): number => findings.filter((finding) => finding.severity === severity).length;
  return Object.fromEntries(SEVERITIES.map((severity) => [severity, count(severity)])) as Record<Severity, number>;
}

export function findingData({ code, severity, where, what, next, fix }: Finding): JsonObject {
  return { code, severity, title: DOCTOR_CHECKS[code], where, what, next, fixable: fix !== undefined };
}

export function fixLine({ fix, failed }: FixResult): string {
  const done = fix.kind === 'mode' ? `mode ${fix.mode.toString(8).padStart(4, '0')}` : 'removed';
  return printable(failed === undefined ? `fixed     ${fix.path}: ${done}` : `not fixed ${failed}`);
}

export function fixData({ fix, failed }: FixResult): JsonObject {
  return { kind: fix.kind, path: fix.path, done: failed === undefined, ...(failed !== undefined && { problem: failed }) };
}
