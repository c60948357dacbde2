/** Lists of hosts for the issuance of many certificates: CSV or JSON lines. Every wrong line is reported at once. */
import { parseStrictJson } from '../canonical-json.ts';
import { assertInternal, isJoineryError, JoineryError } from '../errors.ts';
import { isName } from '../names.ts';
import { array, object, optional, parseDocument, string } from '../parse.ts';
import { type NameKind, parseAlternativeName } from './alternative-names.ts';
import type { AlternativeName } from './extension-writer.ts';

export interface Host {
  /** Names its files. */
  readonly name: string;
  readonly names: readonly AlternativeName[];
}

/** Certificates of one batch. */
export const MAX_HOSTS = 100_000;
const KINDS: readonly NameKind[] = ['dns', 'ip', 'uri', 'email'];

interface Row {
  readonly line: number;
  readonly name: string;
  readonly values: Readonly<Record<NameKind, readonly string[]>>;
}

interface Issue {
  readonly path: string;
  readonly message: string;
}

const texts = array(string({ maxLength: 2048 }), { maxItems: 100 });
const jsonHost = object({
  name: string({ maxLength: 63 }),
  dns: optional(texts),
  ip: optional(texts),
  uri: optional(texts),
  email: optional(texts),
});

/**
 * `csv`: a header of `name` and any of `dns,ip,uri,email`, several values of a cell with spaces between them, no quotes.
 * `jsonl`: objects `{"name","dns":[],"ip":[],"uri":[],"email":[]}`, one a line.
 * @param what names the file. @throws ERR_CERTIFICATE_HOSTS with every wrong line in `details.issues`.
 */
export function parseHosts(text: string, format: 'csv' | 'jsonl', what: string): readonly Host[] {
  const issues: Issue[] = [];
  const lines = text.split(/\r?\n/).map((content, index) => ({ content, line: index + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '' && !content.startsWith('#'));
  const rows = format === 'csv' ? csvRows(filled, issues) : filled.flatMap((entry) => jsonRow(entry, issues) ?? []);
  if (rows.length > MAX_HOSTS) issues.push({ path: 'file', message: `expected at most ${MAX_HOSTS} hosts, found ${rows.length}` });
  const hosts = rows.map((row) => hostOf(row, issues));
  findDoubles(rows, issues);
  const [first, ...rest] = issues;
  if (first === undefined && hosts.length > 0) return hosts;
  const said = first === undefined ? 'expected at least one host, found none' : `${first.path}: ${first.message}`;
  throw new JoineryError('ERR_CERTIFICATE_HOSTS', `${what}: ${said}${rest.length === 0 ? '' : ` (and ${rest.length} more)`}`, {
    hint: 'nothing was issued; a CSV begins with a header like name,dns,ip',
    details: { issues: issues.slice(0, 100) },
  });
}

interface Line {
  readonly content: string;
  readonly line: number;
}

function csvRows([header, ...lines]: readonly Line[], issues: Issue[]): Row[] {
  const columns = header?.content.split(',').map((cell) => cell.trim().toLowerCase()) ?? [];
  const known = ['name', ...KINDS];
  if (!columns.includes('name') || columns.some((column) => !known.includes(column)) || new Set(columns).size !== columns.length) {
    issues.push({
      path: `line ${header?.line ?? 1}`,
      message: `expected a header with name and any of ${KINDS.join(', ')}, found another`,
    });
    return [];
  }
  return lines.flatMap(({ content, line }) => {
    const cells = content.split(',').map((cell) => cell.trim());
    if (content.includes('"') || cells.length !== columns.length) {
      issues.push({
        path: `line ${line}`,
        message: `expected ${columns.length} cells without quotes, found ${content.includes('"') ? 'a quote' : cells.length}`,
      });
      return [];
    }
    const cell = (column: string): string => cells[columns.indexOf(column)] ?? '';
    const values = Object.fromEntries(
      KINDS.map((kind) => [
        kind,
        cell(kind)
          .split(/\s+/)
          .filter((value) => value !== ''),
      ]),
    );
    return [{ line, name: cell('name'), values: values as unknown as Row['values'] }];
  });
}

function jsonRow({ content, line }: Line, issues: Issue[]): Row | undefined {
  const found = collect(`line ${line}`, issues, () => parseDocument(jsonHost, parseStrictJson(content, `line ${line}`), 'host'));
  return (
    found && {
      line,
      name: found.name,
      values: { dns: found.dns ?? [], ip: found.ip ?? [], uri: found.uri ?? [], email: found.email ?? [] },
    }
  );
}

function hostOf({ line, name, values }: Row, issues: Issue[]): Host {
  if (!isName(name))
    issues.push({
      path: `line ${line}`,
      message: `expected a name of 1 to 63 of A-Z a-z 0-9 . _ -, found ${JSON.stringify(name.slice(0, 80))}`,
    });
  const names = KINDS.flatMap((kind) =>
    values[kind].flatMap((value) => collect(`line ${line}`, issues, () => parseAlternativeName(kind, value, kind)) ?? []),
  );
  return { name, names };
}

/** Two hosts of one name would write one file. Case is not told apart on some file systems. */
function findDoubles(rows: readonly Row[], issues: Issue[]): void {
  const seen = new Map<string, number>();
  for (const { line, name } of rows) {
    const before = seen.get(name.toLowerCase());
    if (before !== undefined)
      issues.push({ path: `line ${line}`, message: `expected each name once, found ${name} of line ${before} again` });
    else seen.set(name.toLowerCase(), line);
  }
}

function collect<T>(path: string, issues: Issue[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    assertInternal(isJoineryError(error), String(error));
    issues.push({ path, message: error.message });
    return undefined;
  }
}
