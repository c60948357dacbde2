import { expect, test } from 'vitest';
import { shellCommands } from './shell-words.ts';

test.each([
  ['joinery ca list', [['joinery', 'ca', 'list']]],
  ['a \'b  c\' "d e" f\\ g', [['a', 'b  c', 'd e', 'f g']]],
  ['a | b && c; d & e', [['a'], ['b'], ['c'], ['d'], ['e']]],
  ['a "x | y; z" # no | more', [['a', 'x | y; z']]],
  [
    'source <(joinery completion bash)',
    [
      ['joinery', 'completion', 'bash'],
      ['source', '$'],
    ],
  ],
  ['a "$(cat x | b)" c', [['cat', 'x'], ['b'], ['a', '$', 'c']]],
  ['X=1 a -b < in > out 2>err >> more c', [['a', '-b', 'c']]],
  ['X=1', [[]]],
])('%s', (line, commands) => {
  expect(shellCommands(line)).toEqual(commands);
});
