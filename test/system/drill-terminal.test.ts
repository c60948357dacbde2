import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { joineryCommand, joineryWords } from '../fakes/joinery-command.ts';

/** An interactive drill on a real terminal: tmux types the keys and reads the screen. */
const home = mkdtempSync(join(tmpdir(), 'joinery-terminal-'));
const socket = join(home, 'tmux');
const [run, ...first] = joineryCommand();

const tmux = (...argv: string[]): string => execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...argv], { encoding: 'utf8' });
const screen = (): string => tmux('capture-pane', '-p', '-J', '-S', '-200', '-t', 'drill');
const keys = (...typed: string[]): void => void tmux('send-keys', '-t', 'drill', ...typed);

/** Waits until the screen shows what is expected, and gives it. */
async function shows(expected: RegExp): Promise<string> {
  for (let tries = 0; tries < 600; tries++) {
    const found = screen();
    if (expected.test(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`expected ${String(expected)}, found\n${screen()}`);
}

async function start(...argv: string[]): Promise<void> {
  keys('clear; echo "ready"', 'Enter');
  await shows(/^ready$/m);
  // What the last drill left is not taken for what this one shows.
  tmux('send-keys', '-R', '-t', 'drill');
  tmux('clear-history', '-t', 'drill');
  keys('-l', `${joineryWords()} drill run ${argv.join(' ')} --interactive; echo "status=$?"`);
  keys('Enter');
}

beforeAll(() => void tmux('new-session', '-d', '-s', 'drill', '-x', '160', '-y', '50', '-c', home, 'env', 'PS1=$ ', 'sh'));
afterAll(() => {
  tmux('kill-server');
  rmSync(home, { recursive: true });
});

test('decisions are taken with the arrow keys, a wrong name is refused, and what was decided runs again without a person', async () => {
  await start('compromised-node', '--nodes', '200', '--answers-out', 'decisions.json', '--log', 'log.jsonl');
  await shows(/When do you do it\?/);
  keys('Down', 'Enter');
  const question = await shows(/Type (the-node-\d+) to do it/);
  const name = /Type (the-node-\d+) to do it/.exec(question)?.[1] as string;
  keys('node-1', 'Enter');
  await shows(/found another name: nothing was done/);
  keys(name, 'Enter');
  await shows(/A note for the report/);
  keys('-l', 'we were asleep');
  keys('Enter');
  await shows(/status=[08]/);
  const { decisions } = JSON.parse(readFileSync(join(home, 'decisions.json'), 'utf8')) as { decisions: object[] };
  expect(decisions).toEqual([{ phase: 1, step: 0, do: 'act', late: 600, note: 'we were asleep' }]);
  const headless = ['drill', 'run', 'compromised-node', '--nodes', '200', '--answers', 'decisions.json', '--log', 'again.jsonl'];
  execFileSync(run, [...first, ...headless], { cwd: home });
  expect(readFileSync(join(home, 'again.jsonl'), 'utf8')).toBe(readFileSync(join(home, 'log.jsonl'), 'utf8'));
}, 240_000);

test('ctrl-C ends it with status 130 and writes nothing', async () => {
  await start('compromised-node', '--nodes', '200', '--answers-out', 'none.json', '--log', 'none.jsonl');
  await shows(/When do you do it\?/);
  keys('C-c');
  await shows(/status=130/);
  expect([existsSync(join(home, 'none.json')), existsSync(join(home, 'none.jsonl'))]).toEqual([false, false]);
}, 240_000);
