/** Plain text for people: fields and tables, with colour on a terminal only, and nothing in it that could steer the terminal. */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Style = (format: 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', text: string) => string;

/** Colours for a stream: none where NO_COLOR is set or the stream is no terminal. */
export function styleFor(stream: NodeJS.WriteStream, env: Record<string, string | undefined>): Style {
  const colour = stream.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
  return (format, text) => (colour ? styleText(format, text, { validateStream: false }) : text);
}

// Control characters, line separators, invisible characters, and the marks that reverse the direction of text: a token or
// certificate may hold them to lie on screen.
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from outside made safe to print: control and direction characters become `\u{..}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
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
  const widths = header.map((_, column) => Math.max(...lines.map((line) => width(line[column] ?? ''))));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === line.length - 1 ? cell : cell + ' '.repeat((widths[column] as number) - width(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
