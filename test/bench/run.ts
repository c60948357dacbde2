/** `npm run bench [-- PART...]`: measures on this machine, now, and prints shares of what the primitives themselves reach. */
import { arch, cpus, platform } from 'node:os';
import { drills } from './drills.ts';
import { issue } from './issue.ts';
import { joins } from './joins.ts';
import { lists } from './lists.ts';
import type { Bench, Row } from './measure.ts';
import { packages } from './packages.ts';
import { startup } from './startup.ts';
import { tokens } from './tokens.ts';
import { trust } from './trust.ts';

const PARTS: Readonly<Record<string, Bench>> = { drills, startup, issue, joins, lists, packages, tokens, trust };

function print(title: string, rows: readonly Row[]): void {
  const lines = [['', 'measured', 'limit', 'ratio'], ...rows.map((row) => [row.what, row.value, row.limit ?? '', row.ratio ?? ''])];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  console.log(`\n${title}`);
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart((widths[column] as number) + 2)))
        .join(''),
    );
}

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in PARTS));
if (unknown.length > 0) throw new Error(`expected parts out of ${Object.keys(PARTS).join(', ')}, found ${unknown.join(', ')}`);

console.log(`node ${process.version}, ${platform()}-${arch()}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
for (const [name, bench] of Object.entries(PARTS)) {
  if (chosen.length === 0 || chosen.includes(name)) print(bench.title, await bench.run());
}
