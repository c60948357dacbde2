import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { explain, parseStory, readStory, runStory } from './runner.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const stories = readdirSync(here)
  .filter((name) => name.endsWith('.txt'))
  .map((name) => `test/transcripts/${name}`);
const documents = [
  'README.md',
  'docs/guides/ci.md',
  'docs/tutorial.md',
  'docs/guides/air-gapped.md',
  'docs/guides/offline-enrollment.md',
  'docs/guides/agent-on-a-node.md',
  'docs/guides/join-a-node.md',
  'docs/guides/runbooks.md',
  'docs/reference/selftest.md',
];

describe('the runner sees what differs', () => {
  test.each([
    ['other output', '$ echo b\na\n'],
    ['missing output', '$ true\na\n'],
    ['more output', '$ echo a\n'],
    ['other exit status', '$ exit 3\n[exit 4]\n'],
    ['other stderr', '$ echo a >&2\n2| b\n'],
  ])('%s', (_name, story) => {
    expect(explain(runStory(parseStory(story, false)))).not.toBe('');
  });
  test('and takes what fits', () => {
    expect(explain(runStory(parseStory('$ echo a; echo 1 b; echo c >&2; exit 4\na\n<number> b\n2| c\n[exit 4]\n', false)))).toBe('');
  });
});

test.each([...stories, ...documents])(
  '%s',
  (path) => {
    const steps = readStory(path);
    expect(steps.length).toBeGreaterThan(0);
    const results = runStory(steps);
    expect(explain(results)).toBe('');
    expect(results.length).toBe(steps.length);
  },
  300_000,
);
