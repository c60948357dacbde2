import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { METRICS, STEP_KINDS } from '../src/core/drill/scenario.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

it('every threat of the threat model names a test that is there', () => {
  const page = read('docs/explanation/threat-model.md');
  const table = /\n\| threat[^\n]*\n\|[ |-]*\n((?:\|[^\n]*\n)+)/.exec(page)?.[1] ?? '';
  const rows = [...table.matchAll(/\| `(test\/[\w/.-]+)`: ([^|]+?) +\|$/gm)];
  expect(rows.length).toBeGreaterThan(25);
  // Each row has its test, so that none is a promise alone.
  expect(rows).toHaveLength(table.trim().split('\n').length);
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

/** The anchor that GitHub gives a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchors = (path: string): Set<string> =>
  new Set(
    [
      ...read(path)
        .replaceAll(/^```.*?^```$/gms, '')
        .matchAll(/^#+ (.*)$/gm),
    ].map(([, heading]) => anchor(heading as string)),
  );

it('every link of the documents leads somewhere', () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'));
  const broken = ['README.md', ...pages.map((path) => `docs/${path}`)].flatMap((page) =>
    [
      ...read(page)
        .replaceAll(/^```.*?^```$/gms, '')
        .matchAll(/\]\(([^)\s]+)\)/g),
    ]
      .map(([, link]) => link as string)
      .filter((link) => !/^(https:|mailto:)/.test(link))
      .filter((link) => {
        const [path = '', fragment] = link.split('#');
        const target = path === '' ? page : normalize(join(dirname(page), path));
        if (!existsSync(join(root, target))) return true;
        return fragment !== undefined && !anchors(target).has(fragment);
      })
      .map((link) => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

it('every guide, page of the reference and explanation is reached from the README, by links', () => {
  const links = (page: string): string[] =>
    [...read(page).matchAll(/\]\(([^)\s#]+\.md)[^)]*\)/g)]
      .map(([, link]) => normalize(join(dirname(page), link as string)))
      .filter((link) => !link.startsWith('https'));
  const reached = new Set(['README.md']);
  for (const page of reached) for (const link of links(page)) reached.add(link);
  const pages = ['guides', 'reference', 'explanation'].flatMap((folder) =>
    readdirSync(new URL(`../docs/${folder}`, import.meta.url)).map((name) => `docs/${folder}/${name}`),
  );
  expect(pages.filter((page) => !reached.has(page))).toEqual([]);
});

it('every document whose blocks are to be run is run', () => {
  const stories = read('test/transcripts/transcripts.test.ts');
  const root = new URL('../docs/', import.meta.url);
  const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'));
  const run = ['README.md', ...pages.map((path) => `docs/${path}`)].filter((page) => read(page).includes('\n```console\n'));
  expect(run.filter((page) => !stories.includes(`'${page}'`))).toEqual([]);
});
