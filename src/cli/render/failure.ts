/** How a failure is shown, whoever caught it: the envelope for `--json`, and lines for a person. */
import type { Failure } from '../failure.ts';
import { jsonText, printable, type Style } from './text.ts';

export function failureJson({ code, message, hint, details }: Failure, warnings: readonly string[]): string {
  return jsonText({ ok: false, error: { code, message, ...(hint !== undefined && { hint }), details }, warnings: [...warnings] });
}

/** The message with its code, the further issues of a document, and the hint. */
export function failureLines({ code, message, hint, details }: Failure, style: Style): string[] {
  const lines = [`${style('red', 'error:')} ${printable(message)} [${code}]`];
  for (const issue of (details['issues'] as { path: string; message: string }[] | undefined)?.slice(1) ?? []) {
    lines.push(`       ${printable(`${issue.path}: ${issue.message}`)}`);
  }
  if (hint !== undefined) lines.push(`${style('cyan', 'hint:')} ${printable(hint)}`);
  return lines;
}
