/** The nodes of a fleet by name, from a file: CSV with a header, or JSON lines. What a row leaves out is as the drill says. */
import { type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { name } from '../names.ts';
import { boolean, integer, object, optional, type Parsed, parseDocument } from '../parse.ts';
import { duration, offset } from './durations.ts';

/** Nodes of a fleet. */
export const MAX_FLEET = 100_000;
/** Seconds that a clock may be wrong; a node has two bytes for it. */
export const MAX_SKEW = 32_000;
/** A row is short: a line that is not is no row. */
const MAX_LINE = 1000;

export const fleetNode = object({
  node: name(),
  region: optional(name()),
  /** How far its clock is ahead; behind it is negative. */
  skew: optional(offset(MAX_SKEW)),
  /** How likely it is away at any moment, and for how long on average. */
  offline_percent: optional(integer(0, 100)),
  offline_for: optional(duration()),
  /** Its renewals: how long its certificates live, and how old the one is that it has at the beginning. */
  certificate_life: optional(duration()),
  certificate_age: optional(duration()),
  /** Holds a stream of revocations open. */
  stream: optional(boolean()),
});

export type FleetNode = Parsed<typeof fleetNode>;

const COLUMNS = Object.keys(fleetNode.schema['properties'] as JsonObject);

interface Line {
  readonly content: string;
  readonly line: number;
}

/**
 * Rows as they stand in the document of a drill, in the order of the file. Empty lines and lines that begin with # are passed over.
 * @param what names the file.
 * @throws ERR_DRILL_INVENTORY with the line of the first wrong row; also for a node that is there twice, and for too many.
 */
export function parseInventory(text: string, what: string): readonly JsonObject[] {
  const lines = text.split(/\r?\n/).map((content, index): Line => ({ content, line: index + 1 }));
  const filled = lines.filter(({ content }) => content.trim() !== '' && !content.startsWith('#'));
  const long = filled.find(({ content }) => content.length > MAX_LINE);
  if (long !== undefined) throw wrong(what, long.line, `expected at most ${MAX_LINE} characters, found ${long.content.length}`);
  const rows = filled[0]?.content.trimStart().startsWith('{') === true ? filled.map((line) => ofJson(line, what)) : ofCsv(filled, what);
  if (rows.length === 0 || rows.length > MAX_FLEET)
    throw new JoineryError('ERR_DRILL_INVENTORY', `${what}: expected 1 to ${MAX_FLEET} nodes, found ${rows.length}`, { hint: HINT });
  const seen = new Map<unknown, number>();
  return rows.map(({ row, line }) => {
    const before = seen.get(row['node']);
    if (before !== undefined) throw wrong(what, line, `expected each node once, found that of line ${before} again`);
    seen.set(row['node'], line);
    return row;
  });
}

interface Row {
  readonly row: JsonObject;
  readonly line: number;
}

function ofJson({ content, line }: Line, what: string): Row {
  return checked(parseStrictJson(content, `${what}, line ${line}`), line, what);
}

function ofCsv([header, ...lines]: readonly Line[], what: string): readonly Row[] {
  const columns = header?.content.split(',').map((cell) => cell.trim()) ?? [];
  const isKnown = columns.includes('node') && columns.every((column) => COLUMNS.includes(column));
  if (!isKnown || new Set(columns).size !== columns.length)
    throw wrong(what, header?.line ?? 1, `expected a header with node and any of ${COLUMNS.slice(1).join(', ')}, found another`);
  return lines.map(({ content, line }) => {
    const cells = content.split(',').map((cell) => cell.trim());
    if (cells.length !== columns.length) throw wrong(what, line, `expected ${columns.length} cells, found ${cells.length}`);
    const members = columns.flatMap((column, index) => (cells[index] === '' ? [] : [[column, valueOf(column, cells[index] as string)]]));
    return checked(Object.fromEntries(members) as JsonObject, line, what);
  });
}

/** A cell as JSON would have it; what is none of these stays text and is refused by its parser. */
function valueOf(column: string, cell: string): JsonValue {
  if (column === 'offline_percent' && /^\d{1,3}$/.test(cell)) return Number(cell);
  if (column === 'stream' && (cell === 'true' || cell === 'false')) return cell === 'true';
  return cell;
}

function checked(value: JsonValue, line: number, what: string): Row {
  parseDocument(fleetNode, value, `${what}, line ${line}`, 'ERR_DRILL_INVENTORY');
  // What has been parsed is an object.
  return { row: value as JsonObject, line };
}

const HINT = `a CSV begins with a header: ${COLUMNS.join(',')}`;

function wrong(what: string, line: number, message: string): JoineryError {
  return new JoineryError('ERR_DRILL_INVENTORY', `${what}, line ${line}: ${message}`, { hint: HINT });
}

/** The document of a drill with these nodes in the place of those that it makes up; regions are theirs, too. */
export function withInventory(document: JsonObject, inventory: readonly JsonObject[]): JsonObject {
  const { regions: _regions, ...fleet } = document['fleet'] as JsonObject;
  return { ...document, fleet: { ...fleet, nodes: inventory.length, inventory } };
}

/** What is wrong with an inventory in a document, beside its rows. */
export function inventoryIssue(fleet: {
  readonly nodes: number;
  readonly inventory?: readonly FleetNode[];
  readonly regions?: unknown;
}): string | undefined {
  const { nodes, inventory, regions } = fleet;
  if (inventory === undefined) return undefined;
  if (inventory.length !== nodes) return `expected as many nodes as in the inventory, ${inventory.length}, found ${nodes}`;
  if (regions !== undefined) return 'expected regions in the inventory alone, found some beside it';
  if (new Set(inventory.map(({ node }) => node)).size !== nodes) return 'expected each node of the inventory once, found one again';
  const placed = inventory.filter(({ region }) => region !== undefined);
  if (placed.length !== 0 && placed.length !== nodes) return 'expected a region for every node of the inventory or for none, found both';
  return undefined;
}
