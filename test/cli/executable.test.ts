import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runProcess } from '../fakes/joinery-command.ts';
import { NOT_ON_EXECUTABLE, ON_EXECUTABLE } from '../fakes/not-on-executable.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const suites = ON_EXECUTABLE.flatMap((folder) => globSync(`${folder}/*.test.ts`, { cwd: root }));

test('every suite that is left out on an executable exists, and every other starts joinery', () => {
  expect(suites).toEqual(expect.arrayContaining(Object.keys(NOT_ON_EXECUTABLE)));
  const others = suites.filter((path) => NOT_ON_EXECUTABLE[path] === undefined);
  const starts = /joineryCommand|runCli|runStory|serverStart|testRealm|clusterCli/;
  expect(others.filter((path) => !starts.test(readFileSync(`${root}${path}`, 'utf8')))).toEqual([]);
});

test('the program that tests start gets their input, environment and directory, and gives both streams and its status', async () => {
  const options = { cwd: root, env: { JOINERY_REALM: '/nonexistent' }, stdin: 'not a token' };
  const ended = await runProcess(['token', 'explain', '--token-file', '-', '--json'], options);
  expect([ended.exit, ended.stderr, JSON.parse(ended.stdout)]).toMatchObject([
    3,
    '',
    { ok: false, error: { code: 'ERR_TOKEN_MALFORMED' } },
  ]);
});
