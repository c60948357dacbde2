/** Templates as they are shipped: what is there for whoever reads `templates/` is a third of what a platform's limit leaves. */

const COMMENT_LINES = /^[ \t]*#(?!!).*\n/gm;

/**
 * Words of shell text in which a newline may be more than the end of a command, and the newlines outside of them with the blanks that
 * follow: an escaped character, strings (POSIX.1-2017, shell, 2.2), a comment behind a command.
 */
const LAYOUT = /\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*"|(?<=[ \t;])#[^\n]*|\n\s*/g;

/** Here-documents keep their blanks, and there are none in the templates. */
const HERE_DOCUMENT = /<<-?[ \t]*[\w'"\\]/;

/** @returns the text without lines of comment; of a script also without indentation and empty lines. It says the same to its reader. */
export function compact(text: string): string {
  const said = text.replaceAll(COMMENT_LINES, '');
  if (!said.startsWith('#!') || HERE_DOCUMENT.test(said)) return said;
  return said.replaceAll(LAYOUT, (word) => (word.startsWith('\n') ? '\n' : word));
}
