import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METRICS, STEP_KINDS } from '../src/core/drill/scenario.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

it('every threat of the threat model names a test that is there', () => {
  const rows = [...read('docs/explanation/threat-model.md').matchAll(/\| `(test\/[\w/.-]+)`: ([^|]+?) +\|$/gm)];
  expect(rows.length).toBeGreaterThan(25);
  const missing = rows
    .filter(([, file, title]) => !read(file as string).includes(title as string))
    .map(([, file, title]) => `${file}: ${title}`);
  expect(missing).toEqual([]);
});

it('the reference of drills has every step and measure', () => {
  const page = read('docs/reference/drills.md');
  const rows = Object.fromEntries(
    [...page.matchAll(/^\| `([a-z0-9_-]+)` +\| ([^|]*?) +\| [^|]*\|$/gm)].map(([, code, title]) => [code, title]),
  );
  expect(rows).toMatchObject(STEP_KINDS);
  expect(rows).toMatchObject(Object.fromEntries(Object.entries(METRICS).map(([metric, { title }]) => [metric, title])));
});
