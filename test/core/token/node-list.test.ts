import { describe, expect, test } from 'vitest';
import { parseNodeList } from '../../../src/core/token/node-list.ts';

const read = (text: string): unknown => {
  try {
    return parseNodeList(text, 'nodes');
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe('a list of nodes', () => {
  test.each<[string, string]>([
    ['CSV with a header', 'rack,node\na7, n1\r\na8,n2\n'],
    ['CSV without', 'n1,a7\nn2,a8'],
    ['one column', '\nn1\n\nn2\n'],
    ['JSON lines', '{"node":"n1","rack":"a7"}\n\n{"node":"n2"}\n'],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual(['n1', 'n2']);
  });

  test.each<[string, string]>([
    ['', 'ERR_INPUT_MALFORMED: nodes: expected a node, found none'],
    ['node\n', 'ERR_INPUT_MALFORMED: nodes: expected a node, found none'],
    ['n1\nn2\nn1', 'ERR_INPUT_MALFORMED: nodes, line 3: expected each node once, found n1 again'],
    ['rack,node\na7', 'ERR_INPUT_MALFORMED: nodes, line 2: expected 1 to 63 of A-Z a-z 0-9 . _ - (not . or ..), found ""'],
    ['"n1"', 'ERR_INPUT_MALFORMED: nodes, line 1: expected 1 to 63 of A-Z a-z 0-9 . _ - (not . or ..), found "\\"n1\\""'],
    ['{"node":"n1"}\n{"node":1}', 'ERR_INPUT_MALFORMED: nodes, line 2: expected an object with node, found another value'],
    ['{"node":"n1"}\n1', 'ERR_INPUT_MALFORMED: nodes, line 2: expected an object with node, found another value'],
    [
      '{"node":"n1"}\n{"node":"a/b"}',
      'ERR_INPUT_MALFORMED: nodes, line 2: expected 1 to 63 of A-Z a-z 0-9 . _ - (not . or ..), found "a/b"',
    ],
    ['{"node":"n1"}\n{', 'ERR_JSON_MALFORMED: nodes, line 2: expected JSON, found something else'],
  ])('%j is refused', (text, message) => {
    expect(read(text)).toBe(message);
  });
});
