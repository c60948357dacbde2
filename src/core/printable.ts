/** Text from outside that must not steer whoever shows it. */

// Control characters, line separators, invisible characters, and the marks that reverse the direction of text: a token or
// certificate may hold them to lie on screen.
// oxlint-disable-next-line no-control-regex -- they are what is looked for
export const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from outside made safe to print: control and direction characters become `\u{..}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) as number).toString(16)}}`);
}

/** As {@link printable}, in one line: what separates lines or words is one space. */
export function printableLine(text: string): string {
  return printable(text.replace(/[\t\n\r ]+/g, ' '));
}
