import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { completionScript } from '../../src/cli/completion.ts';
import { runCli } from './harness.ts';

const COMMANDS = [
  { words: ['init'], summary: "make a realm's files", flags: ['realm', 'json'] },
  { words: ['token', 'mint'], summary: 'mint', flags: ['cluster', 'json'] },
  { words: ['token', 'keys', 'list'], summary: 'list', flags: ['json'] },
];

/** What bash offers for the words, the last of which is being typed. */
function complete(...words: string[]): string[] {
  const script = `${completionScript('bash', COMMANDS)}
COMP_WORDS=(joinery ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_joinery
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' })
    .split('\n')
    .filter((word) => word !== '');
}

test.each([
  [[''], ['init', 'token']],
  [['to'], ['token']],
  [
    ['token', ''],
    ['mint', 'keys'],
  ],
  [['token', 'keys', ''], ['list']],
  [
    ['token', 'mint', '--'],
    ['--cluster', '--json'],
  ],
  [['token', 'mint', '--cluster', 'prod', '--j'], ['--json']],
  [['--json', 'in'], ['init']],
  [['nonsense', ''], []],
])('bash completes %j with %j', (words, choices) => {
  expect(complete(...words)).toEqual(choices);
});

test('the scripts are right in their shells', () => {
  expect(spawnSync('bash', ['-n'], { input: completionScript('bash', COMMANDS) }).status).toBe(0);
  expect(completionScript('zsh', COMMANDS)).toMatch(/^#compdef joinery\n/);
  const fish = completionScript('fish', COMMANDS);
  expect(fish).toContain("complete -c joinery -f -n '__joinery_at token' -a mint -d 'mint'");
  expect(fish).toContain("complete -c joinery -f -n '__joinery_at' -a init -d 'make a realm\\'s files'");
  expect(fish).toContain("complete -c joinery -n '__joinery_in token mint' -l cluster");
});

test('joinery completion prints them for the real commands', async () => {
  const bash = await runCli(['completion', 'bash']);
  expect(bash.exit).toBe(0);
  expect(bash.stdout).toContain('"init"*) choices="');
  expect((await runCli(['completion', 'tcsh'])).stderr).toContain('expected an argument out of bash, zsh, fish');
});
