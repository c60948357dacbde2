/** What loading a command loads: the modules that its module imports, and those that these import, as tsc wrote them. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** `import x from 'y'`, `import 'y'`, `export ... from 'y'` at the beginning of a line; `import('y')` is loaded later, if at all. */
const STATIC_IMPORT = /^(?:import|export)\s(?:[\w*{][^;'"]*\sfrom\s)?'([^']+)';/gm;

/**
 * @param dist directory of the compiled program
 * @param entry a file in it
 * @returns paths in `dist` (with `./`, without their ending), packages and parts of Node.js, sorted
 */
export function staticModules(dist: string, entry: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (file: string): void => {
    const name = `./${relative(dist, file).replace(/\.js$/, '')}`;
    if (found.has(name)) return;
    found.add(name);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(STATIC_IMPORT)) {
      if (target.startsWith('.')) visit(join(dirname(file), target));
      else found.add(target);
    }
  };
  visit(join(dist, entry));
  return new Set([...found].toSorted());
}
