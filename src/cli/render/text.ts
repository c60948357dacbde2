/** Plain text for people: fields and tables, with colour on a terminal only, and nothing in it that could steer the terminal. */
import { stripVTControlCharacters, styleText } from 'node:util';
import { printable, UNPRINTABLE } from '../../core/printable.ts';

export { printable };

export type Style = (format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string;

/** Colours for a stream: none where NO_COLOR is set or the stream is no terminal. */
export function styleFor(stream: NodeJS.WriteStream, env: Record<string, string | undefined>): Style {
  const colour = stream.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (format, text) => (colour ? styleText(format, text, { validateStream: false }) : text);
}

/** A JSON document of a result: the same characters as in {@link printable}, in JSON's own spelling, so that its value stays what it is. */
export function jsonText(value: object): string {
  const escaped = (character: string): string =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, null, 2).replace(UNPRINTABLE, escaped);
}

function width(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** `label  value` lines with the values in one column; values that are undefined are left out. */
export function fields(rows: Readonly<Record<string, string | number | undefined>>): string {
  const shown = Object.entries(rows).filter(([, value]) => value !== undefined);
  const column = Math.max(0, ...shown.map(([label]) => label.length)) + 2;
  return shown.map(([label, value]) => `${label.padEnd(column)}${printable(String(value))}`).join('\n');
}

/** A table with a header; the last column is not padded. Cells come through {@link printable}. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows.map((row) => row.map((cell) => printable(cell)))];
  // By steps: the arguments of one call are bounded, the rows of a table are not.
  const widths = header.map((_, column) => lines.reduce((widest, line) => Math.max(widest, width(line[column] ?? '')), 0));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell + ' '.repeat((widths[column] as number) - width(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
