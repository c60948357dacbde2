// Writes man(7) source. Text is text: whatever it holds, it comes out as it is, and can be copied from the page into a shell.

/** What roff would take for something else. A hyphen stays a hyphen, a quote stays a quote. */
const SPECIAL = { '\\': '\\(rs', '-': '\\-', "'": '\\(aq', '"': '\\(dq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' };
const special = (char) => SPECIAL[char] ?? (char > '~' ? `\\[u${char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]` : char);

/** Text on one line, blanks as they are. A dot at its beginning is no request. */
export const escape = (text) => [...text.replaceAll(/[\n\r\t]/g, ' ')].map(special).join('').replace(/^\./, '\\&.');

export const bold = (text) => `\\fB${escape(text)}\\fR`;

/** A sentence with `code` and **bold** words. */
export const prose = (text) =>
  text
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((part) => (/^(`.+`|\*\*.+\*\*)$/.test(part) ? bold(part.replaceAll(/^[`*]+|[`*]+$/g, '')) : escape(part)))
    .join('');

const quoted = (text) => `"${escape(text)}"`;

/** The head of a page: no word is broken, for most of them are names. */
export const title = (name, section, date, source, manual) =>
  `.TH ${quoted(name)} ${section} "${date}" ${quoted(source)} ${quoted(manual)}\n.nh\n.ad l`;
export const heading = (text) => `.SH ${quoted(text)}`;
export const subheading = (text) => `.SS ${quoted(text)}`;
export const paragraph = (line) => `.PP\n${line}`;
/** A term and what is said of it. */
export const tagged = (term, text) => `.TP\n${bold(term)}\n${prose(text)}`;
/** Lines as they are: what can be typed. */
export const literal = (lines) => ['.PP', '.RS 4', '.nf', ...lines.map(escape), '.fi', '.RE'].join('\n');
