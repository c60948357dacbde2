/** By which rules joinery refuses what a reader may accept: the rows of docs/reference/certificates.md, "Path validation". */
import type { PathFault } from '../x509/path-rules.ts';

const DOCUMENTED: ReadonlySet<PathFault> = new Set<PathFault>([
  'algorithm',
  'key',
  'serial-number',
  'key-identifier',
  'name-constraints',
  'policy',
  'names',
  'key-usage',
  'purpose',
  'revocation-unknown',
]);

/** False for what no documented rule explains: a signature, a name, a time, an anchor that is not found. */
export function isDocumented(fault: PathFault): boolean {
  return DOCUMENTED.has(fault);
}
