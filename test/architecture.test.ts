/** The import rules of docs/ARCHITECTURE.md: each rule gets one planted violation, and the linter must see red. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../src/command-table.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** [name of the rule, planted file, its text, the rule that must report it] */
const VIOLATIONS: readonly (readonly [string, string, string, string])[] = [
  ['core imports no app', 'src/core/a.ts', `import { x } from '../app/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  [
    'core imports no app, not even types',
    'src/core/b.ts',
    `import type { X } from '../app/x.ts';\nexport type Y = X;\n`,
    'no-restricted-imports',
  ],
  [
    'core has no file system',
    'src/core/c.ts',
    `import { readFileSync } from 'node:fs';\nexport const y = readFileSync;\n`,
    'no-restricted-imports',
  ],
  [
    'core imports no library',
    'src/core/d.ts',
    `import { compactVerify } from 'jose';\nexport const y = compactVerify;\n`,
    'no-restricted-imports',
  ],
  [
    'core/digest.ts only hashes',
    'src/core/digest.ts',
    `import { sign } from 'node:crypto';\nexport const y = sign;\n`,
    'no-restricted-imports',
  ],
  ['x509 is below audit', 'src/core/x509/e.ts', `import { x } from '../audit/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  ['audit is below drill', 'src/core/audit/f.ts', `import { x } from '../drill/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  [
    'token is below cluster',
    'src/core/token/f1.ts',
    `import { x } from '../cluster/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  [
    'cluster is below drill',
    'src/core/cluster/f2.ts',
    `import { x } from '../drill/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  [
    'ceremony is below doctor',
    'src/core/ceremony/f3.ts',
    `import { x } from '../doctor/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  ['policy is below join', 'src/core/policy/f4.ts', `import { x } from '../join/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  ['attest is below join', 'src/core/attest/f7.ts', `import { x } from '../join/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  [
    'attest is above the shared files',
    'src/core/f8.ts',
    `import { x } from './attest/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  [
    'client imports no gRPC library',
    'src/client/f5.ts',
    `import { x } from '@connectrpc/connect';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  [
    'commands import no telemetry library',
    'src/commands/f6.ts',
    `import { pino } from 'pino';\nexport const y = pino;\n`,
    'no-restricted-imports',
  ],
  [
    'the shared core files are below all rooms',
    'src/core/g.ts',
    `import { x } from './token/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  ['no cycles', 'src/core/h.ts', `import { i } from './i.ts';\nexport const h = (): unknown => i;\n`, 'no-cycle'],
  ['no Date in core', 'src/core/j.ts', `export const y = () => Date.now();\n`, 'no-restricted-globals'],
  ['no globalThis.Date in core', 'src/core/k.ts', `export const y = () => globalThis.Date.now();\n`, 'no-restricted-properties'],
  ['no Math.random', 'src/core/l.ts', `export const y = () => Math.random();\n`, 'no-restricted-properties'],
  ['no process in app', 'src/app/m.ts', `export const y = () => process.env;\n`, 'no-restricted-globals'],
  ['no console in app', 'src/app/n.ts', `export const y = () => console.log('y');\n`, 'no-restricted-globals'],
  ['no setTimeout in app', 'src/app/o.ts', `export const y = () => setTimeout(() => undefined, 1);\n`, 'no-restricted-globals'],
  ['no fetch in client', 'src/client/p.ts', `export const y = () => fetch('https://example.org');\n`, 'no-restricted-globals'],
  ['app imports no adapter', 'src/app/q.ts', `import { x } from '../adapters/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  ['server imports no adapter', 'src/server/r.ts', `import { x } from '../adapters/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  ['adapters import no app', 'src/adapters/s.ts', `import { x } from '../app/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  [
    'oclif stays out of adapters',
    'src/adapters/t.ts',
    `import { Command } from '@oclif/core';\nexport const y = Command;\n`,
    'no-restricted-imports',
  ],
  ['ora stays in cli/render', 'src/cli/u.ts', `import ora from 'ora';\nexport const y = ora;\n`, 'no-restricted-imports'],
  ['cli imports no command', 'src/cli/v.ts', `import { x } from '../commands/x.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  [
    'commands import no adapter',
    'src/commands/w.ts',
    `import { x } from '../adapters/x.ts';\nexport const y = x;\n`,
    'no-restricted-imports',
  ],
  ['no default export outside commands', 'src/app/x1.ts', `const y = 1;\nexport default y;\n`, 'no-default-export'],
  ['no barrel', 'src/app/x2.ts', `import { x } from '../core/index.ts';\nexport const y = x;\n`, 'no-restricted-imports'],
  ['no any', 'src/app/x3.ts', `export const y = (x: any): unknown => x;\n`, 'no-explicit-any'],
  ['no floating promise', 'src/app/x4.ts', `export function y(x: () => Promise<void>): void {\n  x();\n}\n`, 'no-floating-promises'],
  [
    'functions of at most 60 lines',
    'src/app/x5.ts',
    `export function y(): number {\n${'  Number(1);\n'.repeat(61)}  return 1;\n}\n`,
    'max-lines-per-function',
  ],
  ['files of at most 300 lines', 'src/app/x6.ts', `${'// a line\n'.repeat(301)}export const y = 1;\n`, 'max-lines'],
];

let directory = '';
let report = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-lint-'));
  cpSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
  cpSync(join(root, 'tsconfig.json'), join(directory, 'tsconfig.json'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const files = [
    ...VIOLATIONS.map(([, path, text]) => [path, text] as const),
    ['src/core/i.ts', `import { h } from './h.ts';\nexport const i = (): unknown => h;\n`] as const,
  ];
  for (const [path, text] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--format=unix', 'src'], {
      cwd: directory,
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` },
    });
  } catch (error) {
    report = (error as { stdout: string }).stdout;
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe('each rule of the house turns a planted violation red', () => {
  test.each(VIOLATIONS)('%s', (_name, path, _text, rule) => {
    const lines = report.split('\n').filter((line) => line.startsWith(`${path}:`));
    expect(lines.some((line) => line.includes(rule))).toBe(true);
  });
});

function filesBelow(path: string): string[] {
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test('the command table lists every command file and nothing else', () => {
  const prefix = join(root, 'src/commands/');
  const ids = filesBelow('src/commands').map((path) => path.slice(prefix.length, -'.ts'.length).replaceAll('/', ':'));
  expect(Object.keys(COMMANDS).sort()).toEqual(ids.sort());
});

test('the manifest has the commands in the order of the table: two builds give the same bytes, whatever the disk lists first', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'dist/oclif.manifest.json'), 'utf8')) as { commands: object };
  expect(Object.keys(manifest.commands)).toEqual(Object.keys(COMMANDS));
});

test('each third-party library is imported in one file only, oclif in cli, commands and main, ora in cli/render', () => {
  const importers = new Map<string, Set<string>>();
  for (const path of filesBelow('src')) {
    for (const [, specifier] of readFileSync(path, 'utf8').matchAll(/(?:from|import\()\s*'([\w@][\w@/.-]*)'/g)) {
      if (specifier === undefined || specifier.startsWith('node:')) continue;
      const library = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      importers.set(library, (importers.get(library) ?? new Set()).add(path.slice(root.length)));
    }
  }
  for (const [library, paths] of importers) {
    if (library === '@oclif/core') expect([...paths].filter((path) => !/^src\/(cli|commands|main\.ts)/.test(path))).toEqual([]);
    else if (library === 'ora') expect([...paths].every((path) => path.startsWith('src/cli/render/'))).toBe(true);
    else expect([library, paths.size]).toEqual([library, 1]);
  }
});

test('nothing of this machine and no registry host is committed', () => {
  const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '');
  const bad = tracked.filter((path) =>
    /(^|[^a-z.])\/(work|farm)\/|https?:\/\/(registry|deb)\./.test(readFileSync(join(root, path), 'latin1')),
  );
  expect(bad.filter((path) => path !== 'test/architecture.test.ts')).toEqual([]);
});
