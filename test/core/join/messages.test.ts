import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/canonical-json.ts';
import { isJoineryError, JoineryError } from '../../../src/core/errors.ts';
import { type JoinReply, messageSchemas, parseReply, parseRequest } from '../../../src/core/join/messages.ts';
import { omnirelayTime, readOmnirelayRequest } from '../../../src/core/join/omnirelay.ts';
import {
  errorOfProblem,
  isServerFault,
  maskError,
  parseProblem,
  problemOf,
  problemSchema,
  unauthenticated,
} from '../../../src/core/join/problem.ts';
import { renewAfter, renewalState, scheduleText } from '../../../src/core/join/renewal.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';

const code = (work: () => unknown): string => {
  try {
    work();
    return 'ok';
  } catch (error) {
    return isJoineryError(error) ? error.code : String(error);
  }
};

const REQUESTS = ['join', 'renew', 'trust-report', 'revoke', 'mint'] as const;
const REPLIES = ['join', 'peers', 'revocations', 'revoke', 'mint', 'ca', 'challenge', 'trust-report'] as const;

describe('requests', () => {
  const join = {
    token: 'abc',
    csr: 'pem',
    cluster: 'prod',
    node_id: 'n1',
    requested_role: 'worker',
    environment: 'lab',
    labels: { zone: 'a' },
    attestation: { provider: 'tpm', evidence: { any: [1, 'x', null] } },
  };

  test('are read whole, and nothing else is', () => {
    expect(parseRequest('join', join)).toEqual(join);
    expect(parseRequest('join', { token: 'abc', csr: 'pem' })).toEqual({ token: 'abc', csr: 'pem' });
    for (const wrong of [
      { ...join, extra: 1 },
      { ...join, token: 'a b' },
      { ...join, token: '' },
      { ...join, node_id: '..' },
      { ...join, labels: { 'a b': 'x' } },
      { ...join, attestation: { provider: 'tpm', evidence: [] } },
      { token: 'abc' },
    ]) {
      expect(code(() => parseRequest('join', wrong as unknown as JsonValue))).toBe('ERR_REQUEST_MALFORMED');
    }
  });

  test('to revoke name one thing', () => {
    for (const right of [
      { serial: 'aa' },
      { token: 'abcdef' },
      { node: 'n1', cluster: 'prod' },
      { spiffe_id: 'spiffe://a/b', reason: 'keyCompromise' },
    ])
      expect(parseRequest('revoke', right)).toEqual(right);
    for (const wrong of [{}, { serial: 'aa', token: 'abcdef' }, { node: 'n1' }, { cluster: 'prod', serial: 'aa' }, { serial: 'AA' }])
      expect(code(() => parseRequest('revoke', wrong))).toBe('ERR_REQUEST_MALFORMED');
  });

  test('of any form are read or refused, never worse', () => {
    const members = fc.dictionary(
      fc.constantFrom('token', 'csr', 'node', 'cluster', 'serial', 'reason', 'purposes', 'ttl', 'role', '__proto__'),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...REQUESTS), fc.oneof(fc.jsonValue(), members), (kind, value) => {
        expect(['ok', 'ERR_REQUEST_MALFORMED']).toContain(code(() => parseRequest(kind, value as JsonValue)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('replies', () => {
  const reply: JoinReply = {
    cluster: 'prod',
    role: 'worker',
    node_id: 'n1',
    identity: 'spiffe://a/b',
    certificate_pem: 'pem',
    chain_pem: '',
    trust: { 'control-plane-https': {}, 'node-cert-lifecycle': {} },
    seed_peers: { schema: 'joinery/seed-peers/1', cluster: 'prod', version: 1, peers: [] },
    metadata: {},
    issued_at: '2026-11-22T10:00:00Z',
    renew_after: '2026-11-22T10:00:00Z',
    expires_at: '2026-11-22T10:00:00Z',
    audit_id: 'request-1',
  };

  test('are read as they are written', () => {
    expect(parseReply('join', reply as unknown as JsonObject)).toEqual(reply);
    expect(code(() => parseReply('join', { ...reply, audit_id: 'a b' } as unknown as JsonObject))).toBe('ERR_REPLY_MALFORMED');
    const mint = { token: 'a', id: '00000000-0000-4000-8000-000000000000', expires_at: '2026-11-22T10:00:00Z' };
    expect(parseReply('mint', mint)).toEqual(mint);
    expect(code(() => parseReply('mint', { ...mint, id: 'x' }))).toBe('ERR_REPLY_MALFORMED');
  });

  test('of any form are read or refused, never worse', () => {
    fc.assert(
      fc.property(fc.constantFrom(...REPLIES), fc.jsonValue(), (kind, value) => {
        expect(['ok', 'ERR_REPLY_MALFORMED']).toContain(code(() => parseReply(kind, value as JsonValue)));
      }),
      { numRuns: 300 },
    );
  });

  test('and requests have schemas with names', () => {
    const names = Object.keys(messageSchemas());
    expect(names).toContain('JoinRequest');
    expect(names).toContain('TrustReportReply');
    expect(names).toHaveLength(REQUESTS.length + REPLIES.length);
  });
});

describe('problems', () => {
  const told = { correlationId: 'c-1' };

  test('say all to who proved himself, and come back as the same error', () => {
    const error = new JoineryError('ERR_NODE_EXISTS', 'node n1: taken', { hint: 'renew', details: { retry_after: 7 } });
    const problem = problemOf(error, told);
    expect(problem).toEqual({
      type: 'https://joinery.dev/problems/err-node-exists',
      title: 'the node has a valid certificate under another key',
      status: 409,
      detail: 'node n1: taken',
      code: 'ERR_NODE_EXISTS',
      correlation_id: 'c-1',
      hint: 'renew',
      retry_after: 7,
    });
    expect(parseProblem(problem as unknown as JsonObject)).toEqual(problem);
    expect(errorOfProblem(problem)).toMatchObject({
      code: 'ERR_NODE_EXISTS',
      message: 'node n1: taken',
      hint: 'renew',
      details: { retry_after: 7 },
    });
  });

  test('say nothing to who proved nothing, but what is wrong with the request itself', () => {
    const shown = (error: unknown) => problemOf(error, { ...told, authenticated: false }).code;
    expect(shown(new JoineryError('ERR_TOKEN_SIGNATURE', 'x'))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(shown(new JoineryError('ERR_TOKEN_EXPIRED', 'x'))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(shown(new JoineryError('ERR_REQUEST_MALFORMED', 'x'))).toBe('ERR_REQUEST_MALFORMED');
    expect(shown(new JoineryError('ERR_STORE_BUSY', 'x'))).toBe('ERR_STORE_BUSY');
    expect(maskError(new TypeError('secret'))).toMatchObject({ code: 'ERR_INTERNAL' });
    expect(unauthenticated(undefined).message).not.toContain('secret');
  });

  test('of the realm itself are the server’s, whoever asks: a node must come again', () => {
    for (const code of ['ERR_REALM_MALFORMED', 'ERR_FILE_ACCESS', 'ERR_STORE_CONFLICT'] as const) {
      const error = new JoineryError(code, '/var/lib/realm/state.db: damaged', { hint: 'restore it' });
      expect(maskError(error)).toBe(error);
      expect(problemOf(error, told)).toMatchObject({ status: 500, code: 'ERR_INTERNAL' });
      expect(JSON.stringify(problemOf(error, told))).not.toMatch(/realm|restore/);
      expect(isServerFault(code)).toBe(true);
    }
    expect(isServerFault('ERR_NODE_EXISTS')).toBe(false);
  });

  test('of bugs show nothing of themselves', () => {
    for (const bug of [new TypeError('a secret'), new JoineryError('ERR_INTERNAL', 'a secret'), 'a secret'])
      expect(JSON.stringify(problemOf(bug, told))).not.toContain('secret');
  });

  test('without detail or with a wrong correlation id', () => {
    const problem = { type: 't', title: 'a title', status: 404, code: 'ERR_NODE_NOT_FOUND', correlation_id: 'c-1' };
    expect(errorOfProblem(parseProblem(problem))).toMatchObject({ message: 'a title', details: { correlation_id: 'c-1' } });
    expect(code(() => parseProblem({ ...problem, correlation_id: 'a b' }))).toBe('ERR_REPLY_MALFORMED');
    expect(problemSchema()).toMatchObject({ type: 'object' });
  });
});

describe('renewal', () => {
  const from = parseInstant('2026-11-22T10:00:00Z') as Instant;
  const to = parseInstant('2026-11-23T10:00:00Z') as Instant;

  test('is due after two thirds of the life', () => {
    expect(scheduleText(from, to)).toEqual({
      issued_at: '2026-11-22T10:00:00Z',
      renew_after: '2026-11-23T02:00:00Z',
      expires_at: '2026-11-23T10:00:00Z',
    });
  });

  test('waits, is due, or is too late', () => {
    const due = renewAfter(from, to);
    expect(renewalState(due, to, from)).toEqual({ state: 'fresh', wait: 57600 });
    expect(renewalState(due, to, due)).toEqual({ state: 'due', wait: 0 });
    expect(renewalState(due, to, to)).toEqual({ state: 'expired', wait: 0 });
  });
});

describe('OmniRelay’s messages', () => {
  test('are read without regard to case, and past what is unknown', () => {
    expect(readOmnirelayRequest({ Token: ' a ', NODEID: 'n1', labels: {} })).toEqual({ token: 'a', nodeId: 'n1' });
    expect(readOmnirelayRequest({ token: 7, nodeId: null })).toEqual({ token: '' });
    expect(readOmnirelayRequest([])).toEqual({ token: '' });
    expect(omnirelayTime(parseInstant('2026-11-22T10:00:00Z') as Instant)).toBe('2026-11-22T10:00:00+00:00');
  });
});
