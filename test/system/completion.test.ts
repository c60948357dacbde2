/** Completion as a person meets it: the tab key in zsh and bash, at a terminal (tmux), and what fish says that it offers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';

const home = mkdtempSync(join(tmpdir(), 'joinery-completion-'));
const [program, ...first] = joineryCommand();
const script = (shell: string): string => execFileSync(program, [...first, 'completion', shell], { encoding: 'utf8' });

const tmux = (...argv: string[]): string =>
  execFileSync('tmux', ['-S', join(home, 'tmux'), '-f', '/dev/null', ...argv], { encoding: 'utf8' });

/** Starts a shell in a window of its own, and gives what types into it and reads it. */
function terminal(name: string, shell: string) {
  tmux(
    'new-session',
    '-d',
    '-s',
    name,
    '-x',
    '150',
    '-y',
    '50',
    '-c',
    home,
    'env',
    '-i',
    `HOME=${home}`,
    'TERM=screen',
    'PATH=/usr/bin:/bin',
    ...shell.split(' '),
  );
  const screen = (): string => tmux('capture-pane', '-p', '-J', '-t', name);
  return {
    keys: (...typed: string[]): void => void tmux('send-keys', '-t', name, ...typed),
    type: (text: string): void => void tmux('send-keys', '-t', name, '-l', '--', text),
    async shows(expected: RegExp): Promise<string> {
      for (let tries = 0; tries < 600; tries++) {
        const found = screen();
        if (expected.test(found)) return found;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`expected ${String(expected)}, found\n${screen()}`);
    },
  };
}

beforeAll(() => {
  mkdirSync(join(home, 'functions'));
  writeFileSync(join(home, 'functions/_joinery'), script('zsh'));
  writeFileSync(join(home, 'joinery.bash'), script('bash'));
  writeFileSync(join(home, 'joinery.fish'), script('fish'));
  writeFileSync(join(home, 'package.json'), '');
});
afterAll(() => {
  tmux('kill-server');
  // The shells may still write what they remember.
  rmSync(home, { recursive: true, maxRetries: 50, retryDelay: 100 });
});

describe.each([
  ['zsh', 'zsh -f', 'fpath=(~/functions $fpath); autoload -U compinit; compinit -u -D; PS1="=> "; clear'],
  ['zsh, sourced', 'zsh -f', 'autoload -U compinit; compinit -u -D; source ~/functions/_joinery; PS1="=> "; clear'],
  ['bash', 'bash --norc --noprofile', 'source joinery.bash; PS1="=> "; clear'],
])('%s', (name, shell, setup) => {
  test('completes commands, flags, their values and files, at the first tab', async () => {
    const { keys, type, shows } = terminal(name.replaceAll(/\W/g, ''), shell);
    type(setup);
    keys('Enter');
    await shows(/^=> *$/m);
    for (const [typed, completed] of [
      ['joinery tok', 'joinery token'],
      ['min', 'joinery token mint'],
      ['--forma', 'joinery token mint --format'],
      [' kub', 'joinery token mint --format.kubeadm'],
      [' --hmac', 'joinery token mint --format.kubeadm --hmac-key-file'],
      [' pack', 'joinery token mint --format.kubeadm --hmac-key-file.package.json'],
    ]) {
      type((typed as string).replace(/^ /, name === 'bash' ? '' : ' '));
      keys('Tab');
      const expected = new RegExp(`^=> ${(completed as string).replaceAll('-', '\\-')}[ =]*$`, 'm');
      expect(await shows(expected)).toMatch(expected);
    }
  }, 240_000);
});

test('fish offers commands, flags and values, and says what they are', () => {
  const offers = (line: string): string => {
    const child = spawnSync('fish', ['--no-config', '-c', `source joinery.fish; complete -C "${line}"`], {
      cwd: home,
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', HOME: home },
    });
    expect(child.stderr).toBe('');
    return child.stdout;
  };
  expect(offers('joinery token ')).toMatch(/^mint\tMint a join token$/m);
  expect(offers('joinery to')).toBe('token\tMint, verify and revoke join tokens\n');
  expect(offers('joinery ca create x --par')).toMatch(/^--parent\t\w/m);
  expect(offers('joinery token mint --format k')).toMatch(/^k3s\b.*\nkubeadm\b.*\n$/);
  expect(offers('joinery token verify --token-file pack')).toBe('package.json\n');
  expect(offers('joinery audit verify-proof --kep')).toMatch(/^--kept\b/);
  expect(offers('joinery audit verify --kep')).toBe('');
});
