import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { evidenceRequestDocument, parseEvidenceRequest } from '../../../src/core/attest/evidence-request.ts';
import { pinOf } from '../../../src/core/digest.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import type { JsonValue } from '../../../src/core/canonical-json.ts';
import { asMalformed } from '../../../src/core/attest/evidence.ts';

it('keeps a bug what it is', () => {
  expect(() =>
    asMalformed(() => {
      throw new TypeError('a bug');
    }),
  ).toThrow(TypeError);
});

const request = { node: 'n1', spki_pin: pinOf(Uint8Array.of(1)), nonce: 'a-nonce' };

test('a request for evidence is read as it was written', () => {
  expect(parseEvidenceRequest(evidenceRequestDocument(request), 'x')).toEqual({ schema: 'joinery/evidence-request/1', ...request });
});

test.each([
  ['schema', { schema: 'joinery/evidence-request/2' }],
  ['node', { node: 'a\nb' }],
  ['spki_pin', { spki_pin: 'sha256:AA' }],
  ['nonce', { nonce: 'a\nb' }],
])('a request with a wrong %s is refused: nothing else could be signed with it', (member, change) => {
  expect(() => parseEvidenceRequest({ ...evidenceRequestDocument(request), ...change }, 'x')).toThrow(`x: ${member}: expected`);
});

test('any request is read or refused', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(() => parseEvidenceRequest(value as JsonValue, 'x')).toThrow(JoineryError);
    }),
  );
});
