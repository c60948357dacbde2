import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';
import { openTerminal, type TestTerminal } from './terminal.ts';

/** An interactive drill on a real terminal. */
const [run, ...first] = joineryCommand();
let terminal: TestTerminal;

beforeAll(() => {
  terminal = openTerminal();
});
afterAll(() => terminal.remove());

const at = (name: string): string => join(terminal.home, name);
const start = (...argv: string[]): Promise<void> => terminal.start(`drill run ${argv.join(' ')} --interactive`);

test('decisions are taken with the arrow keys, a wrong name is refused, and what was decided runs again without a person', async () => {
  await start('compromised-node', '--nodes', '200', '--answers-out', 'decisions.json', '--log', 'log.jsonl');
  await terminal.shows(/When do you do it\?/);
  terminal.keys('Down', 'Enter');
  const question = await terminal.shows(/Type (the-node-\d+) to do it/);
  const name = /Type (the-node-\d+) to do it/.exec(question)?.[1] as string;
  terminal.keys('node-1', 'Enter');
  await terminal.shows(/found another name: nothing was done/);
  terminal.keys(name, 'Enter');
  await terminal.shows(/A note for the report/);
  terminal.line('we were asleep');
  await terminal.shows(/status=[08]/);
  const { decisions } = JSON.parse(readFileSync(at('decisions.json'), 'utf8')) as { decisions: object[] };
  expect(decisions).toEqual([{ phase: 1, step: 0, do: 'act', late: 600, note: 'we were asleep' }]);
  const headless = ['drill', 'run', 'compromised-node', '--nodes', '200', '--answers', 'decisions.json', '--log', 'again.jsonl'];
  execFileSync(run, [...first, ...headless], { cwd: terminal.home });
  expect(readFileSync(at('again.jsonl'), 'utf8')).toBe(readFileSync(at('log.jsonl'), 'utf8'));
}, 240_000);

test('the node that is taken is chosen from an inventory, and its name is what has to be typed', async () => {
  writeFileSync(at('fleet.csv'), 'node,region\ndb-1,eu\ndb-2,eu\ndb-3,us\n');
  await start('compromised-node', '--inventory', 'fleet.csv', '--answers-out', 'chosen.json', '--log', 'chosen.jsonl');
  await terminal.shows(/Which node does the attacker take\?[^]*db-3/);
  terminal.keys('Down', 'Enter');
  await terminal.shows(/When do you do it\?/);
  terminal.keys('Enter');
  await terminal.shows(/Type db-2 to do it/);
  terminal.line('db-2');
  await terminal.shows(/A note for the report/);
  terminal.keys('Enter');
  await terminal.shows(/status=[08]/);
  const { decisions } = JSON.parse(readFileSync(at('chosen.json'), 'utf8')) as { decisions: object[] };
  expect(decisions[0]).toEqual({ phase: 0, step: 0, do: 'act', target: 'db-2' });
}, 240_000);

test('ctrl-C ends it with status 130 and writes nothing', async () => {
  await start('compromised-node', '--nodes', '200', '--answers-out', 'none.json', '--log', 'none.jsonl');
  await terminal.shows(/When do you do it\?/);
  terminal.keys('C-c');
  await terminal.shows(/status=130/);
  expect([existsSync(at('none.json')), existsSync(at('none.jsonl'))]).toEqual([false, false]);
}, 240_000);
