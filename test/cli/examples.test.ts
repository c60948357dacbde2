import { expect, test } from 'vitest';
import { testProgram } from './harness.ts';

/** What help shows is tried first: it names flags and values that exist. */
test('the examples of every command name its own flags, and give those that are required', () => {
  const wrong: string[] = [];
  for (const [id, command] of Object.entries(testProgram().manifest().commands)) {
    const examples = (command.examples ?? []).map((example) => (typeof example === 'string' ? example : example.command));
    if (examples.length === 0) wrong.push(`${id}: no example`);
    for (const example of examples) {
      const own = example.split(/ \| | > /)[0] as string;
      const given = [...own.matchAll(/ --([a-z-]+)/g)].map((match) => match[1] as string);
      wrong.push(...given.filter((flag) => command.flags[flag] === undefined).map((flag) => `${id}: --${flag}`));
      const required = Object.values(command.flags).filter((flag) => flag.required === true);
      wrong.push(...required.filter((flag) => !given.includes(flag.name)).map((flag) => `${id}: without --${flag.name}`));
    }
  }
  expect(wrong).toEqual([]);
});
