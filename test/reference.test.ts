/** docs/reference/commands.md and the man pages: whole, true, and what `npm run docs` writes. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { parse } from '@oclif/core/parser';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/command-table.ts';
import { testProgram } from './cli/harness.ts';
import { shellCommands } from './shell-words.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const bin = async (name: string): Promise<unknown> => import(pathToFileURL(`${root}bin/${name}`).href);
const program = testProgram();
const [manifest, pjson] = [program.manifest(), program.pjson()];
const { commandsPage } = (await bin('commands-page.js')) as { commandsPage(manifest: Manifest, pjson: PJSON): string };
const { manPages } = (await bin('man-pages.js')) as { manPages(manifest: Manifest, pjson: PJSON, date: string): Map<string, string> };
const { ENVIRONMENT } = (await bin('reference.js')) as { ENVIRONMENT: [string, string, unknown][] };
const page = readFileSync(`${root}docs/reference/commands.md`, 'utf8');

/** Why the command line is none that joinery takes; undefined for one that it takes. */
async function refusal(words: readonly string[]): Promise<string | undefined> {
  const argv = words.slice(1);
  const path = [3, 2, 1].map((count) => argv.slice(0, count)).find((first) => first.join(':') in COMMANDS);
  if (path === undefined) return 'no such command';
  const command = (await (COMMANDS[path.join(':')] as (typeof COMMANDS)[string])()).default;
  const rest = argv.slice(path.length);
  if (rest.some((word) => word === '--help' || word === '-h')) return undefined;
  try {
    await parse(rest, { flags: { ...command.baseFlags, ...command.flags }, args: command.args, strict: command.strict });
    return undefined;
  } catch (error) {
    return (error as Error).message.split('\n').join(' ');
  }
}

async function refusals(lines: readonly string[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const line of lines) {
    for (const words of shellCommands(line).filter(([program]) => program === 'joinery')) {
      const why = await refusal(words);
      if (why !== undefined) wrong.push(`${line}: ${why}`);
    }
  }
  return wrong;
}

describe('docs/reference/commands.md', () => {
  it('is what npm run docs writes', () => {
    expect(page).toBe(commandsPage(manifest, pjson));
  });

  it('has every command and every flag, each with a meaning', () => {
    const sections = new Map(page.split('\n### joinery ').map((text) => [text.split('\n', 1)[0] as string, text]));
    for (const [id, { flags, summary }] of Object.entries(manifest.commands)) {
      expect(summary).toBeTruthy();
      const text = sections.get(id.replaceAll(':', ' ')) ?? '';
      for (const [name, { description }] of Object.entries(flags)) {
        expect([id, name, description]).toEqual([id, name, expect.stringMatching(/\w/)]);
        if (!['json', 'quiet', 'verbose'].includes(name)) expect([id, text]).toEqual([id, expect.stringContaining(`--${name}`)]);
      }
    }
  });

  it('has links that lead somewhere', () => {
    const anchors = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(([, text]) => (text as string).toLowerCase().replaceAll(' ', '-')));
    const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor as string);
    expect(links.length).toBeGreaterThan(200);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
  });
});

it('every example parses', async () => {
  const examples = Object.entries(manifest.commands).flatMap(([id, { examples = [] }]) =>
    examples.map((example) =>
      (typeof example === 'string' ? example : example.command)
        .replaceAll('<%= config.bin %>', 'joinery')
        .replaceAll('<%= command.id %>', id.replaceAll(':', ' ')),
    ),
  );
  expect(examples.length).toBeGreaterThan(200);
  expect(await refusals(examples)).toEqual([]);
});

it('every command line of the documents parses that no story runs', async () => {
  const documents = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.md'));
  const lines = ['README.md', ...documents.map((path) => `docs/${path}`)].flatMap((path) =>
    [...readFileSync(`${root}${path}`, 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms)]
      .filter(([, language]) => language !== 'console')
      .flatMap(([, , block]) => (block as string).replaceAll(/\\\n\s*/g, ' ').split('\n'))
      .filter((line) => /\bjoinery [a-z]/.test(line) && !line.endsWith('[FLAG ...]'))
      .map((line) => `${line} # ${path}`),
  );
  expect(lines.length).toBeGreaterThan(200);
  expect(await refusals(lines)).toEqual([]);
});

/** What every program reads, and what bin/run.js tells itself. */
const INTERNAL = new Set(['PATH', 'HOME', 'SHELL', 'JOINERY_RUNTIME']);

it('the environment is described as it is read', () => {
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  const paths = ['bin/run.js', ...sources.map((path) => `src/${path}`)];
  const read = paths.flatMap((path) =>
    [...readFileSync(`${root}${path}`, 'utf8').matchAll(/\benv(?:\[')?\.?([A-Z][A-Z_]+)/g)].map(([, name]) => name as string),
  );
  const described = ENVIRONMENT.map(([name]) => name);
  const indirect = [
    'JOINERY_PASSPHRASE',
    'JOINERY_ONLINE_PASSPHRASE',
    'AWS_ACCESS_KEY_ID',
    'AWS_SECRET_ACCESS_KEY',
    'SPIFFE_ENDPOINT_SOCKET',
  ];
  expect(described.toSorted()).toEqual([...new Set([...read.filter((name) => !INTERNAL.has(name)), ...indirect])].toSorted());
});

describe('the man pages', () => {
  const pages = manPages(manifest, pjson, '2026-11-23');

  it('are one for each command, each topic, and the whole', () => {
    const ids = Object.keys(manifest.commands);
    const topics = new Set(
      ids.flatMap((id) =>
        id
          .split(':')
          .slice(0, -1)
          .map((_, at, all) => all.slice(0, at + 1).join('-')),
      ),
    );
    const names = ['joinery', ...[...ids.map((id) => id.replaceAll(':', '-')), ...topics].map((name) => `joinery-${name}`)];
    expect([...pages.keys()].toSorted()).toEqual(names.map((name) => `${name}.1`).toSorted());
  });

  it('have every section and flag of their command', () => {
    for (const [id, { flags }] of Object.entries(manifest.commands)) {
      const text = (pages.get(`joinery-${id.replaceAll(':', '-')}.1`) as string).replaceAll('\\-', '-');
      for (const name of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS', 'ENVIRONMENT', 'EXAMPLES', 'SEE ALSO'])
        expect(text).toContain(`\n.SH "${name}"\n`);
      for (const { name } of Object.values(flags)) expect(text).toMatch(new RegExp(`^\\\\fB.*--(\\[no-\\])?${name}\\b.*\\\\fR$`, 'm'));
    }
  });

  it('refer to pages that there are', () => {
    for (const text of pages.values())
      for (const [, name] of text.replaceAll('\\-', '-').matchAll(/\\fB(joinery[a-z-]*)\\fR\(1\)/g))
        expect(pages.has(`${name as string}.1`)).toBe(true);
  });

  it('take any text for text', async () => {
    const roff = (await bin('roff.js')) as Record<string, (text: string) => string>;
    expect(roff['prose']?.('.a `b-c` **d** \\n "e" \'f\' ~é*')).toBe(
      '\\&.a \\fBb\\-c\\fR \\fBd\\fR \\(rsn \\(dqe\\(dq \\(aqf\\(aq \\(ti\\[u00E9]*',
    );
  });
});
