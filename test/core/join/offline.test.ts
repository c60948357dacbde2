import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type JsonObject } from '../../../src/core/canonical-json.ts';
import { parsePem, toPem, utf8 } from '../../../src/core/encoding.ts';
import type { JoinReply, JoinRequest } from '../../../src/core/join/messages.ts';
import { answerFile, readAnswerFile, readRequestFile, requestFile, spkiOf } from '../../../src/core/join/offline.ts';
import { nodeKey } from '../../fakes/join-realm.ts';
import { keyNamed, make, NOW } from '../x509/make.ts';

const { csr } = await nodeKey('p256', keyNamed('node'));
const token = 'a.b.c';
const request: JoinRequest = { token, csr };
const leaf = make({ name: 'node' }).certificate;
const chain = { schema: 'joinery/trust-chain/1', versions: [] };
const reply: JoinReply = {
  cluster: 'prod',
  role: 'worker',
  node_id: 'n1',
  identity: 'spiffe://lab.example/prod/worker/n1',
  certificate_pem: toPem('CERTIFICATE', leaf.der),
  chain_pem: '',
  trust: { 'control-plane-https': chain, 'node-cert-lifecycle': chain },
  seed_peers: { schema: 'joinery/seed-peers/1', cluster: 'prod', version: 1, peers: [] },
  metadata: {},
  issued_at: '2026-11-22T10:00:00Z',
  renew_after: '2026-11-23T02:00:00Z',
  expires_at: '2026-11-23T10:00:00Z',
  audit_id: 'a-1',
};

describe('a request and its answer as files', () => {
  it('are read as they were written', () => {
    const asked: JoinRequest = {
      ...request,
      cluster: 'prod',
      node_id: 'n1',
      requested_role: 'worker',
      environment: 'lab',
      labels: { rack: '7' },
    };
    expect(readRequestFile(requestFile(asked, NOW).bytes, 'stick')).toEqual(asked);
    expect(readAnswerFile(answerFile(reply, NOW).bytes, 'stick')).toEqual(reply);
  });

  it('have a name of their key, the same each time, and one that FAT takes', () => {
    const name = answerFile(reply, NOW).name;
    expect(name).toBe(`n1-${leaf.pin.slice(7, 19)}.answer.json`);
    expect(requestFile({ ...request, node_id: 'n1' }, NOW).name).toBe(name.replace('answer', 'request'));
    expect(requestFile(request, NOW).name).toBe(name.replace('n1-', 'node-').replace('answer', 'request'));
    expect(requestFile({ ...request, node_id: 'N'.repeat(63) }, NOW).name.length).toBeLessThan(128);
  });

  it.each<[string, string, unknown]>([
    ['no JSON', 'ERR_JSON_MALFORMED', undefined],
    ['another schema', 'ERR_REQUEST_MALFORMED', { schema: 'joinery/join-answer/1', created_at: '2026-11-22T10:00:00Z', request }],
    ['no request', 'ERR_REQUEST_MALFORMED', { schema: 'joinery/join-request/1', created_at: '2026-11-22T10:00:00Z' }],
    [
      'an unknown member',
      'ERR_REQUEST_MALFORMED',
      { schema: 'joinery/join-request/1', created_at: '2026-11-22T10:00:00Z', request, more: 1 },
    ],
    [
      'a request without a token',
      'ERR_REQUEST_MALFORMED',
      { schema: 'joinery/join-request/1', created_at: '2026-11-22T10:00:00Z', request: { csr } },
    ],
  ])('refuses a request file with %s', (_what, code, document) => {
    const bytes = utf8(document === undefined ? '{' : canonicalJson(document as JsonObject));
    expect(() => readRequestFile(bytes, 'stick')).toThrow(expect.objectContaining({ code }));
  });

  it.each<[string, string, unknown]>([
    ['another schema', 'ERR_INPUT_MALFORMED', { schema: 'joinery/join-request/1', created_at: '2026-11-22T10:00:00Z', reply }],
    [
      'a reply without an identity',
      'ERR_REPLY_MALFORMED',
      { schema: 'joinery/join-answer/1', created_at: '2026-11-22T10:00:00Z', reply: { ...reply, identity: undefined } },
    ],
  ])('refuses an answer file with %s', (_what, code, document) => {
    expect(() => readAnswerFile(utf8(canonicalJson(document as JsonObject)), 'stick')).toThrow(expect.objectContaining({ code }));
  });

  it('refuses any other bytes with a code, and never takes long', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(utf8)), (bytes) => {
        for (const readFile of [readRequestFile, readAnswerFile]) {
          expect(() => readFile(bytes, 'stick')).toThrow(expect.objectContaining({ name: 'JoineryError' }));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('the key of an answer', () => {
  it('is that of its certificate', () => {
    expect(spkiOf(reply, 'answer')).toEqual(leaf.spki);
    const [block] = parsePem(reply.certificate_pem);
    expect(block?.der).toEqual(leaf.der);
  });

  it('is asked of a certificate', () => {
    expect(() => spkiOf({ certificate_pem: 'none' }, 'answer')).toThrow(expect.objectContaining({ code: 'ERR_REPLY_MALFORMED' }));
  });
});
