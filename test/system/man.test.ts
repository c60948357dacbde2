/** The man pages as man and mandoc read them: without a word of warning, and with what can be typed as it is typed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'joinery-man-'));
const path = join(directory, 'man1');
const pages = (): string[] => readdirSync(path).map((name) => join(path, name));

beforeAll(() => {
  execFileSync(process.execPath, [join(root, 'bin/man.js')]);
  mkdirSync(path);
  cpSync(join(root, 'dist/man'), path, { recursive: true });
});
afterAll(() => rmSync(directory, { recursive: true }));

it('mandoc has nothing to say', () => {
  const { status, stdout, stderr } = spawnSync('mandoc', ['-Tlint', '-Wwarning', ...pages()], { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

it('groff has nothing to say, at 80 columns', () => {
  for (const page of pages()) {
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', MANWIDTH: '80' };
    const { status, stderr } = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', page], { encoding: 'utf8', env });
    expect({ page, status, stderr }).toEqual({ page, status: 0, stderr: '' });
  }
});

it('what they show can be typed', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'dist/oclif.manifest.json'), 'utf8')) as {
    commands: Record<string, { examples: string[] }>;
  };
  for (const [id, { examples }] of Object.entries(manifest.commands)) {
    const page = join(path, `joinery-${id.replaceAll(':', '-')}.1`);
    const text = execFileSync('mandoc', ['-Tutf8', '-O', 'width=400', page], { encoding: 'utf8' });
    const lines = text.split('\n').map((line) => line.trim());
    for (const example of examples) {
      const typed = example.replaceAll('<%= config.bin %>', 'joinery').replaceAll('<%= command.id %>', id.replaceAll(':', ' '));
      expect(lines).toContain(typed);
    }
  }
});

it('apropos knows them', () => {
  execFileSync('mandb', ['--quiet', '--create', '--user-db', directory], { stdio: 'pipe' });
  const found = execFileSync('whatis', ['-M', directory, 'joinery-token-mint'], { encoding: 'utf8' });
  expect(found).toMatch(/^joinery-token-mint \(1\) +- Mint a join token\n$/);
});
