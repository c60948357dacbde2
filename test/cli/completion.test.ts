import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type CommandEntry, completionScript } from '../../src/cli/completion/script.ts';
import { runCli } from './harness.ts';

const json = { name: 'json', type: 'boolean', description: 'as JSON' };
const COMMANDS: readonly CommandEntry[] = [
  { id: 'init', summary: "make a realm's files", flags: { json, realm: { name: 'realm', type: 'option', helpValue: 'DIR' } } },
  {
    id: 'token:mint',
    summary: 'mint',
    flags: {
      cluster: { name: 'cluster', type: 'option', description: 'name: [one]', helpValue: 'NAME', multiple: true },
      format: { name: 'format', type: 'option', options: ['jwt', 'k3s'] },
      json,
    },
  },
  { id: 'token:mint-all', flags: { all: { name: 'all', type: 'boolean' } } },
  { id: 'token:keys:list', summary: 'list', flags: { json } },
];
const TOPICS = { token: { description: 'about tokens' }, 'token:keys': {} };

/** What bash offers for the words, the last of which is being typed. */
function complete(...words: string[]): string[] {
  const script = `${completionScript('bash', COMMANDS, TOPICS)}
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
    ['mint', 'mint-all', 'keys'],
  ],
  [['token', 'keys', ''], ['list']],
  [
    ['token', 'mint', '--'],
    ['--cluster', '--format', '--json'],
  ],
  [['token', 'mint-all', '--'], ['--all']],
  [['token', 'mint', '--cluster', 'prod', '--j'], ['--json']],
  [
    ['token', 'mint', '--format', ''],
    ['jwt', 'k3s'],
  ],
  [['token', 'mint', '--format', '=', 'k'], ['k3s']],
  [
    ['token', 'mint', '--format', '='],
    ['jwt', 'k3s'],
  ],
  [['token', 'mint', '--cluster', ''], []],
  [['token', 'mint', ''], []],
  [['--json', 'in'], ['init']],
  [['nonsense', ''], []],
])('bash completes %j with %j', (words, choices) => {
  expect(complete(...words)).toEqual(choices);
});

test('the scripts are right in their shells', () => {
  expect(spawnSync('bash', ['-n'], { input: completionScript('bash', COMMANDS, TOPICS) }).status).toBe(0);
  const zsh = completionScript('zsh', COMMANDS, TOPICS);
  expect(zsh).toMatch(/^#compdef joinery\n/);
  expect(zsh).toContain("'init:make a realm'\\''s files' 'token:about tokens'");
  expect(zsh).toContain("'*--cluster=[name\\: \\[one\\]]:value: ' '--format=[]:value:(jwt k3s)' '--json[as JSON]'");
  const fish = completionScript('fish', COMMANDS, TOPICS);
  expect(fish).toContain("complete -c joinery -f -n '__joinery_at token' -a mint -d 'mint'");
  expect(fish).toContain("complete -c joinery -f -n '__joinery_at' -a init -d 'make a realm\\'s files'");
  expect(fish).toContain("complete -c joinery -n '__joinery_in token mint' -l format -x -a 'jwt k3s'");
  expect(fish).toContain("complete -c joinery -n '__joinery_in init' -l realm -r -F");
});

test('joinery completion prints them for the real commands', async () => {
  const bash = await runCli(['completion', 'bash']);
  expect(bash.exit).toBe(0);
  expect(bash.stdout).toContain('"init" | "init "*) flags="');
  expect((await runCli(['completion', 'zsh'])).stdout).toContain("'token:Mint, verify and revoke join tokens'");
  expect((await runCli(['completion', 'tcsh'])).stderr).toContain('expected an argument out of bash, zsh, fish');
});
