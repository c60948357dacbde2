import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { awsIamAttestor } from '../../../src/core/attest/aws-iam.ts';
import { CHALLENGE_TTL } from '../../../src/core/attest/evidence.ts';
import { signStsRequest, STS_BODY, stsSignature } from '../../../src/core/attest/aws-signature.ts';
import type { HttpsRequest } from '../../../src/core/attest/context.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { pinOf } from '../../../src/core/digest.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import { plus } from '../../../src/core/time.ts';
import { attest, CSR_SPKI, NONCE, NOW, OTHER_SPKI, outcomeOf } from './attest-world.ts';

const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array => new Uint8Array(createHmac('sha256', key).update(data).digest());
const HOST = 'sts.eu-west-1.amazonaws.com';
const credentials = {
  accessKeyId: 'AKIDEXAMPLE000000000',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'session',
};
const question = { host: HOST, region: 'eu-west-1', nonce: NONCE, pin: pinOf(CSR_SPKI), now: NOW };
const headers = signStsRequest(credentials, question, hmac);
const given = (change: Record<string, string | undefined> = {}, host = HOST): JsonObject => ({
  host,
  headers: Object.fromEntries(Object.entries({ ...headers, ...change }).filter(([, value]) => value !== undefined)),
});
const signedAs = (change: Partial<typeof question>): JsonObject => ({
  host: HOST,
  headers: { ...signStsRequest(credentials, { ...question, ...change }, hmac) },
});

const caller = {
  GetCallerIdentityResponse: {
    GetCallerIdentityResult: {
      Account: '123456789012',
      Arn: 'arn:aws:sts::123456789012:assumed-role/Worker/i-0abc',
      UserId: 'AROA:i-0abc',
    },
    ResponseMetadata: { RequestId: 'x' },
  },
};

/** STS as it is here: it computes the signature too, from the headers and the body that reach it. */
function world(reply: { status?: number; body?: string | Uint8Array } = {}) {
  const requests: HttpsRequest[] = [];
  const fetch = (request: HttpsRequest) => {
    requests.push(request);
    const sent: Record<string, string> = { ...request.headers, host: new URL(request.url).host };
    const [, scope = '', names = '', signature] =
      /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(.*)$/.exec(sent['authorization'] ?? '') ?? [];
    const parts = { headers: sent, names: names.split(';'), date: sent['x-amz-date'] ?? '', scope };
    const good = signature === stsSignature(credentials.secretAccessKey, parts, hmac);
    const { status = good ? 200 : 403, body = JSON.stringify(caller) } = reply;
    return Promise.resolve({ status, body: typeof body === 'string' ? Buffer.from(body) : body });
  };
  return {
    requests,
    attestor: awsIamAttestor({ name: 'iam', endpoints: [HOST, 'localhost:9'], accounts: ['123456789012'], fetch, anchors: 'PEM' }),
  };
}

const replying = (result: unknown): string => JSON.stringify({ GetCallerIdentityResponse: { GetCallerIdentityResult: result } });

describe('aws-iam', () => {
  it('learns from STS who signed, and sends nothing else to it', async () => {
    const { attestor, requests } = world();
    const verified = await attest(attestor, given());
    expect(verified).toMatchObject({
      provider: 'iam',
      issuedAt: NOW,
      replayableUntil: NOW + CHALLENGE_TTL,
      claims: {
        account_id: '123456789012',
        arn: 'arn:aws:sts::123456789012:assumed-role/Worker/i-0abc',
        user_id: 'AROA:i-0abc',
        role: 'Worker',
        session: 'i-0abc',
      },
    });
    expect(requests).toEqual([
      {
        method: 'POST',
        url: `https://${HOST}/`,
        headers: { ...headers, accept: 'application/json' },
        body: STS_BODY,
        anchors: 'PEM',
        maxBytes: 16384,
      },
    ]);
    expect(verified.digest).toBe((await attest(attestor, signedAs({ now: plus(NOW, 1) }))).digest);
  });

  test.each<[string, JsonObject, object, string]>([
    ['for another key', given(), { csrSpki: OTHER_SPKI }, 'ERR_ATTESTATION_FAILED evidence: x-joinery-key'],
    [
      'with the key written over',
      given({ 'x-joinery-key': pinOf(OTHER_SPKI) }),
      { csrSpki: OTHER_SPKI },
      'ERR_ATTESTATION_FAILED evidence: authorization: expected a signature',
    ],
    ['of a nonce of somebody else', signedAs({ nonce: 'other' }), {}, 'ERR_ATTESTATION_STALE evidence: nonce'],
    [
      'with the nonce written over',
      { host: HOST, headers: { ...signStsRequest(credentials, { ...question, nonce: 'old' }, hmac), 'x-joinery-challenge': NONCE } },
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization: expected a signature',
    ],
    ['of too long ago', signedAs({ now: plus(NOW, -361) }), {}, 'ERR_ATTESTATION_STALE evidence: x-amz-date'],
    ['of the future', signedAs({ now: plus(NOW, 61) }), {}, 'ERR_ATTESTATION_STALE evidence: x-amz-date'],
    [
      'for another host',
      given({}, 'evil.example'),
      {},
      `ERR_ATTESTATION_FAILED evidence: host: expected ${HOST} or localhost:9, found "evil.example"`,
    ],
    ['for a host that is a URL', given({}, `${HOST}/?x=`), {}, 'ERR_ATTESTATION_FAILED evidence: host'],
    [
      'for one of the hosts, but signed for another',
      given({}, 'localhost:9'),
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization: expected a signature',
    ],
    ['without its signature', given({ authorization: undefined }), {}, 'ERR_ATTESTATION_FAILED evidence: authorization'],
    [
      'with its signature cut off',
      given({ authorization: (headers['authorization'] as string).replace(/Signature=.*/, 'Signature=') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization',
    ],
    [
      'for another service',
      given({ authorization: (headers['authorization'] as string).replace('/sts/', '/iam/') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization',
    ],
    [
      'by another algorithm',
      given({ authorization: (headers['authorization'] as string).replace('SHA256', 'SHA1') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization',
    ],
    [
      'whose nonce is not signed',
      given({ authorization: (headers['authorization'] as string).replace('x-joinery-challenge;', '') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: SignedHeaders: expected x-joinery-challenge',
    ],
    [
      'whose key is not signed',
      given({ authorization: (headers['authorization'] as string).replace(';x-joinery-key', '') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: SignedHeaders: expected x-joinery-key',
    ],
    [
      'with a signed header that is not there',
      given({ 'x-amz-security-token': undefined }),
      {},
      'ERR_ATTESTATION_FAILED evidence: headers: expected "x-amz-security-token"',
    ],
    ['with another header', given({ 'x-forwarded-host': 'x' }), {}, 'ERR_ATTESTATION_MALFORMED evidence: headers'],
    ['with a line end in a header', given({ 'x-joinery-challenge': 'a\r\nhost: b' }), {}, 'ERR_ATTESTATION_MALFORMED evidence: headers'],
    [
      'of another day than its scope',
      given({ authorization: (headers['authorization'] as string).replace('/20261122/', '/20261121/') }),
      {},
      'ERR_ATTESTATION_FAILED evidence: authorization: expected the day',
    ],
    ['of no time', given({ 'x-amz-date': 'now' }), {}, 'ERR_ATTESTATION_MALFORMED evidence: x-amz-date'],
    ['with a body of its own', { ...given(), body: 'Action=AssumeRole' }, {}, 'ERR_ATTESTATION_MALFORMED evidence: body: unknown member'],
    ['that is too large', given({ authorization: 'x'.repeat(9000) }), {}, 'ERR_ATTESTATION_MALFORMED evidence: headers.authorization'],
  ])('refuses a request %s', async (_name, evidence, more, expected) => {
    expect(await outcomeOf(world().attestor, evidence, more)).toContain(expected);
  });

  test.each<[string, { status?: number; body?: string | Uint8Array }, string]>([
    [
      'an account that nobody configured',
      { body: replying({ Account: '999999999999', Arn: 'arn:aws:iam::999999999999:root', UserId: 'x' }) },
      'ERR_ATTESTATION_FAILED evidence: account',
    ],
    ['a refusal', { status: 400 }, 'ERR_ATTESTATION_FAILED evidence: authorization'],
    ['too much to do', { status: 429 }, 'ERR_ATTESTATION_UNAVAILABLE'],
    ['a fault', { status: 503 }, 'ERR_ATTESTATION_UNAVAILABLE'],
    ['no JSON', { body: '<GetCallerIdentityResponse/>' }, 'ERR_ATTESTATION_UNAVAILABLE'],
    ['JSON of something else', { body: '[]' }, 'ERR_ATTESTATION_UNAVAILABLE'],
    ['null', { body: 'null' }, 'ERR_ATTESTATION_UNAVAILABLE'],
    [
      'two accounts',
      { body: JSON.stringify(caller).replace('{"Account"', '{"Account":"999999999999","Account"') },
      'ERR_ATTESTATION_UNAVAILABLE',
    ],
    [
      'an ARN of another account',
      { body: replying({ Account: '123456789012', Arn: 'arn:aws:iam::999999999999:root', UserId: 'x' }) },
      'ERR_ATTESTATION_UNAVAILABLE',
    ],
    ['no user', { body: replying({ Account: '123456789012', Arn: 'arn:aws:iam::123456789012:root' }) }, 'ERR_ATTESTATION_UNAVAILABLE'],
    ['bytes', { body: Uint8Array.of(0xff) }, 'ERR_ATTESTATION_UNAVAILABLE'],
  ])('believes no reply with %s', async (_name, reply, expected) => {
    expect(await outcomeOf(world(reply).attestor, given())).toContain(expected);
  });

  test.each([
    ['user/team/alice', { user: 'alice' }],
    ['root', {}],
    ['assumed-role/A/b/c', {}],
    ['federated-user/x', {}],
  ])('names what it can of %s', async (resource, expected) => {
    const arn = `arn:aws-us-gov:iam::123456789012:${resource}`;
    const { claims } = await attest(world({ body: replying({ Account: '123456789012', Arn: arn, UserId: 'u' }) }).attestor, given());
    expect(claims).toEqual({ account_id: '123456789012', arn, user_id: 'u', ...expected });
  });

  it('works without a session token', async () => {
    const { sessionToken: _token, ...long } = credentials;
    expect(await outcomeOf(world().attestor, { host: HOST, headers: { ...signStsRequest(long, question, hmac) } })).toBe('ok');
  });

  it('passes on that STS cannot be asked', async () => {
    const down = awsIamAttestor({
      name: 'iam',
      endpoints: [HOST],
      accounts: [],
      fetch: () => Promise.reject(new JoineryError('ERR_ATTESTATION_UNAVAILABLE', 'down')),
    });
    expect(await outcomeOf(down, given())).toBe('ERR_ATTESTATION_UNAVAILABLE down');
  });

  it('reads any evidence or refuses it by a code, without a word to STS', async () => {
    const { attestor, requests } = world();
    const names = fc.constantFrom(...Object.keys(headers), 'host', 'x');
    await fc.assert(
      fc.asyncProperty(
        fc.record({ host: fc.oneof(fc.constant(HOST), fc.webUrl()), headers: fc.oneof(fc.jsonValue(), fc.dictionary(names, fc.string())) }),
        async (evidence) => {
          expect(await outcomeOf(attestor, evidence as JsonObject)).toMatch(/^ERR_ATTESTATION_(MALFORMED|FAILED) /);
        },
      ),
      { numRuns: 200 },
    );
    expect(requests).toEqual([]);
  });
});

test('the signature is that of the example of AWS', () => {
  // The derived key that the documentation of Signature Version 4 shows for 20150830/us-east-1/iam.
  const key = ['20150830', 'us-east-1', 'iam', 'aws4_request'].reduce(
    (secret, part) => hmac(secret, Buffer.from(part)),
    Buffer.from('AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY') as Uint8Array,
  );
  expect(Buffer.from(key).toString('hex')).toBe('c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
});
