import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  generationFiles,
  generationNumber,
  identityLayout,
  nodeDocumentSchemas,
  parseNodeMeta,
  parseNodeStatus,
} from '../../../src/core/join/node-directory.ts';

const META = {
  schema: 'joinery/node-identity/1',
  identity: 'spiffe://lab.example/prod/worker/n1',
  serial: '0a',
  fingerprint: 'ab'.repeat(32),
  audit_id: 'join-1',
  installed_at: '2026-11-22T10:00:00Z',
};

test('generations are named by a number, and nothing else is one', () => {
  expect('gen-1 gen-0 gen-01 gen-x .gen-2 gen-123456789 gen-1234567890'.split(' ').map(generationNumber)).toEqual([
    1,
    undefined,
    undefined,
    undefined,
    undefined,
    123456789,
    undefined,
  ]);
  fc.assert(fc.property(fc.integer({ min: 1, max: 999_999_999 }), (number) => generationNumber(`gen-${number}`) === number));
});

test('the layout is the one of FORMATS 3', () => {
  expect(identityLayout('/n')).toEqual({
    identity: '/n/identity',
    current: '/n/identity/current',
    pending: '/n/pending',
    pendingKey: '/n/pending/node.key',
    pendingFor: '/n/pending/for',
    status: '/n/status.json',
  });
  expect(generationFiles('/n', 'gen-2').key).toBe('/n/identity/gen-2/node.key');
});

test('the documents are read strictly; the shell agent leaves out what it does not know', () => {
  expect(parseNodeMeta(META, 'meta')).toEqual(META);
  expect(parseNodeMeta({ ...META, audit_id: '' }, 'meta').audit_id).toBe('');
  for (const wrong of [{ serial: 'xyz' }, { audit_id: 'a b' }, { more: 1 }, { identity: '' }]) {
    expect(() => parseNodeMeta({ ...META, ...wrong }, 'meta')).toThrow(expect.objectContaining({ code: 'ERR_NODE_DIRECTORY' }));
  }
  const status = {
    schema: 'joinery/node-status/1',
    updated_at: META.installed_at,
    operation: 'join',
    result: 'failed',
    code: 'ERR_TOKEN_EXPIRED',
  };
  expect(parseNodeStatus(status, 'status')).toEqual(status);
  expect(() => parseNodeStatus({ ...status, code: 'X' }, 'status')).toThrow(expect.objectContaining({ code: 'ERR_NODE_DIRECTORY' }));
});

test('their published schemas are those that are enforced', () => {
  for (const [name, schema] of Object.entries(nodeDocumentSchemas())) {
    const published = readFileSync(new URL(`../../../docs/schema/${name}.json`, import.meta.url), 'utf8');
    expect(JSON.parse(published)).toEqual(schema);
  }
});
