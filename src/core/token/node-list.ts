/** Lists of nodes to mint tokens for: CSV with a column `node`, or JSON lines with a member `node`. */
import { isJsonObject, parseStrictJson } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { parseName } from '../names.ts';

/**
 * @param what names the file.
 * @returns the nodes in the order of the file.
 * @throws ERR_INPUT_MALFORMED, ERR_JSON_MALFORMED with the line; also for a node that is there twice.
 */
export function parseNodeList(text: string, what: string): readonly string[] {
  const lines = text.split(/\r?\n/).map((line, index) => ({ line, where: `${what}, line ${index + 1}` }));
  const filled = lines.filter(({ line }) => line.trim() !== '');
  const nodes = filled[0]?.line.trimStart().startsWith('{') ? filled.map(ofJson) : ofCsv(filled);
  if (nodes.length === 0) throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected a node, found none`);
  const seen = new Set<string>();
  for (const { node, where } of nodes) {
    if (seen.size === seen.add(node).size)
      throw new JoineryError('ERR_INPUT_MALFORMED', `${where}: expected each node once, found ${node} again`);
  }
  return [...seen];
}

interface Line {
  readonly line: string;
  readonly where: string;
}

interface Entry {
  readonly node: string;
  readonly where: string;
}

function ofJson({ line, where }: Line): Entry {
  const value = parseStrictJson(line, where);
  const node = isJsonObject(value) ? value['node'] : undefined;
  if (typeof node !== 'string')
    throw new JoineryError('ERR_INPUT_MALFORMED', `${where}: expected an object with node, found another value`);
  return { node: parseName(node, where), where };
}

/** Without a header the first column is the node; names need no quotes, so a quote is refused as no name. */
function ofCsv(lines: readonly Line[]): Entry[] {
  const header = (lines[0]?.line ?? '').split(',').map((cell) => cell.trim());
  const named = header.indexOf('node');
  const column = Math.max(named, 0);
  return lines.slice(named < 0 ? 0 : 1).map(({ line, where }) => {
    const cell = line.split(',')[column] ?? '';
    return { node: parseName(cell.trim(), where), where };
  });
}
