import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { attestFlag, namedEvidence } from '../../src/cli/attest-flag.ts';
import { evidenceOfText } from '../../src/client/evidence.ts';
import type { Instant } from '../../src/core/time.ts';
import { nodeClientWorld } from '../fakes/join-server.ts';

describe('evidence that something else has made', () => {
  test.each<[string, string, object]>([
    ['a JWT', 'eyJh.eyJi.c2ln\n', { token: 'eyJh.eyJi.c2ln' }],
    ['PKCS #7 in lines', 'MIAGCSqG\nSIb3DQE=\n', { pkcs7: 'MIAGCSqG\nSIb3DQE=' }],
    ['a JSON object', ' {"digest":"ab"}', { digest: 'ab' }],
  ])('is %s', (_name, text, expected) => {
    expect(evidenceOfText(text, 'f')).toEqual(expected);
  });

  test.each([
    ['nothing', '', 'ERR_INPUT_MALFORMED'],
    ['a list', '[1]', 'ERR_INPUT_MALFORMED'],
    ['a JWT without its signature', 'eyJh.eyJi.', 'ERR_INPUT_MALFORMED'],
    ['a member twice', '{"a":1,"a":1}', 'ERR_JSON_MALFORMED'],
    ['too much', `{"a":"${'x'.repeat(50_000)}"}`, 'ERR_INPUT_TOO_LARGE'],
  ])('is not %s', (_name, text, code) => {
    expect(() => evidenceOfText(text, 'f')).toThrow(expect.objectContaining({ code }));
  });
});

describe('--attest', () => {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-evidence-'));
  const world = (env: Record<string, string> = {}) => ({ ...nodeClientWorld(), env });
  const request = { spki: Uint8Array.of(1), node: 'n1', now: 1_795_000_000 as Instant, challenge: () => Promise.resolve('nonce') };

  it('takes no key under a passphrase, and says so', async () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    });
    writeFileSync(join(directory, 'key'), key);
    const named = namedEvidence(world(), `f=x509pop:${join(directory, 'key')},${join(directory, 'key')}`);
    await expect(named?.source(request)).rejects.toMatchObject({ code: 'ERR_KEY_PASSPHRASE' });
  });

  it('asks the STS of the region, or the one for all', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE000000000', AWS_SECRET_ACCESS_KEY: 'secret' };
    const of = (more: Record<string, string>) => namedEvidence(world({ ...env, ...more }), 'a=aws-iam')?.source(request);
    expect(await of({})).toMatchObject({
      host: 'sts.amazonaws.com',
      headers: { authorization: expect.stringContaining('/us-east-1/sts/') as string },
    });
    const regional = await of({ AWS_DEFAULT_REGION: 'eu-north-1', AWS_SESSION_TOKEN: 'session' });
    expect(regional).toMatchObject({
      host: 'sts.eu-north-1.amazonaws.com',
      headers: { 'x-amz-security-token': 'session', 'x-joinery-challenge': 'nonce' },
    });
    expect(JSON.stringify(regional)).not.toContain('secret');
  });

  it('is a flag of one value', () => {
    expect(attestFlag.attest.multiple).not.toBe(true);
    expect(namedEvidence(world(), undefined)).toBeUndefined();
  });
});
