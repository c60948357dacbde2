import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { KNOWN_ANSWERS } from '../../src/core/selftest/known-answers.ts';
import { runCli } from '../cli/harness.ts';

const { planted } = vi.hoisted(() => ({ planted: { faults: [] as object[] } }));
vi.mock('../../src/core/selftest/known-answers.ts', async (original) => {
  const { KNOWN_ANSWERS: answers } = await original<{ KNOWN_ANSWERS: readonly object[] }>();
  return {
    // A few are enough here; every one is tried in test/core/selftest.
    get KNOWN_ANSWERS() {
      return [...answers.slice(0, 2), ...planted.faults];
    },
  };
});

const pair = generateKeyPairSync('ed25519');
const vectors = (...results: string[]) =>
  JSON.stringify({
    algorithm: 'EDDSA',
    testGroups: [
      {
        type: 'EddsaVerify',
        publicKeyDer: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('hex'),
        tests: results.map((result, index) => ({
          tcId: index + 1,
          msg: '00',
          sig: sign(null, Buffer.of(0), pair.privateKey).toString('hex'),
          result,
          flags: [],
        })),
      },
      { type: 'PrimalityTest', tests: [1, 2, 3, 4].map((tcId) => ({ tcId, result: 'valid' })) },
    ],
  });

/** A valid text that is not in canonical base64url: stricter here. */
const lenient = JSON.stringify({
  testGroups: [
    {
      type: 'JsonWebSignature',
      private: { kty: 'oct', k: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
      tests: [1, 2, 3, 4].map((tcId) => ({ tcId, jws: `eyJhbGciOiJIUzI1NiJ9.${tcId}?.AA`, result: 'valid' })),
    },
  ],
});

function corpus(files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-corpus-'));
  mkdirSync(join(directory, 'v'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, 'v', name), text);
  return directory;
}

describe('joinery selftest', () => {
  it('tries what is known and the machine', async () => {
    const { exit, stdout, stderr } = await runCli(['selftest']);
    expect([exit, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^AREA +TEST +RESULT +SOURCE\nprimitives +sha256 +ok +FIPS 180-4, "abc"\n/);
    expect(stdout).toMatch(/\nenvironment +tls +ok +.*: TLS 1\.3\n/);
    expect(stdout).toMatch(/\n\n\d+ tests passed\n$/);
    const { data, schema } = (await runCli(['selftest', '--json'])).json();
    expect(schema).toBe('joinery/selftest/1');
    expect(data).toMatchObject({ failed: 0 });
    expect(data['tests']).toContainEqual({
      area: 'environment',
      id: 'sqlite',
      source: 'SQLite writes and reads',
      result: 'ok',
      detail: expect.any(String),
    });
  });

  it('prints the verdicts on suites', async () => {
    const directory = corpus({ 'ed25519_test.json': vectors('valid', 'acceptable'), 'jws.json': lenient });
    const { exit, stdout } = await runCli(['selftest', '--corpus', 'v'], { cwd: directory });
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\nwycheproof +ed25519_test.json +2 +0 +0 +4\n/);
    expect(stdout).toMatch(
      /\nall +2 files +2 +4 +0 +4\n\nstricter +4 +ERR_TOKEN_MALFORMED \(jws.json tc1, jws.json tc2, jws.json tc3, \.\.\.\)\n/,
    );
    expect(stdout).toMatch(/\nskipped +4 +joinery uses no PrimalityTest\n\n2 verdicts agree, none disagrees\n$/);
    const data = (await runCli(['selftest', '--corpus', directory, '--json'])).json().data['corpus'] as Record<string, unknown>;
    expect(data['counts']).toEqual({ agree: 2, stricter: 4, disagree: 0, skipped: 4 });
  });

  it('fails with the whole report when it accepts what a suite refuses', async () => {
    const directory = corpus({ 'lie.json': vectors('valid', 'invalid') });
    const text = await runCli(['selftest', '--corpus', directory]);
    expect(text.exit).toBe(4);
    expect(text.stdout).toContain('disagree  v/lie.json tc2: expected refuse, found accepted');
    expect(text.stdout).toContain('1 verdicts disagree');
    expect(text.stderr).toContain('[ERR_CORPUS_DISAGREES]');
    const { ok, error } = (await runCli(['selftest', '--corpus', directory, '--json'])).json();
    expect([ok, error.code]).toEqual([false, 'ERR_CORPUS_DISAGREES']);
    expect(error.details['corpus']).toMatchObject({
      suites: [{ file: 'v/lie.json', disagreements: [{ id: 'tc2', expected: 'refuse', found: 'accepted' }] }],
    });
  });

  it('lets a file write no line of the table itself, and calls it no agreement that nothing was tried', async () => {
    const lying = await runCli(['selftest', '--corpus', corpus({ 'a\u001b[2J\nagree.json': vectors('invalid') })]);
    expect(lying.stdout).toContain('disagree  v/a\\u{1b}[2J\\u{a}agree.json tc1: expected refuse, found accepted\n');
    const type = 'Other\u001b[2J';
    const other = JSON.stringify({ testGroups: [{ type, tests: [{ tcId: 1, result: 'valid' }] }] });
    const { exit, stdout } = await runCli(['selftest', '--corpus', corpus({ 'a.json': other })]);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/\nskipped +1 +joinery uses no Other\\u\{1b\}\[2J\n\nno case was tried\n$/);
  });

  it('says what a corpus lacks', async () => {
    const empty = await runCli(['selftest', '--corpus', corpus({})]);
    expect([empty.exit, empty.stderr]).toEqual([6, expect.stringContaining('[ERR_CORPUS_NOT_FOUND]')]);
    const cut = await runCli(['selftest', '--corpus', corpus({ 'a.json': vectors('valid').slice(0, -9) })]);
    expect([cut.exit, cut.stderr]).toEqual([
      3,
      expect.stringContaining('v/a.json: expected JSON, found a damaged file [ERR_CORPUS_MALFORMED]'),
    ]);
    const none = await runCli(['selftest', '--corpus', '/nowhere/at/all']);
    expect([none.exit, none.stderr]).toEqual([6, expect.stringContaining('[ERR_FILE_NOT_FOUND]')]);
    const time = await runCli(['selftest', '--max-time', 'soon']);
    expect([time.exit, time.stderr]).toEqual([2, expect.stringContaining('--max-time')]);
  });

  it('fails with the whole report when an answer is another', async () => {
    planted.faults = [{ ...KNOWN_ANSWERS[0], id: 'planted', vector: { message: 'abd', digest: KNOWN_ANSWERS[0]?.vector['digest'] } }];
    try {
      const text = await runCli(['selftest']);
      expect(text.exit).toBe(1);
      expect(text.stdout).toMatch(/\nprimitives +planted +failed +FIPS 180-4, "abc": another answer than the known one\n/);
      expect(text.stdout).toMatch(/1 of \d+ tests failed\n$/);
      expect(text.stderr).toContain(
        'planted: expected FIPS 180-4, "abc" to hold, found another answer than the known one [ERR_SELFTEST_FAILED]',
      );
      const { error } = (await runCli(['selftest', '--json'])).json();
      expect(error).toMatchObject({ code: 'ERR_SELFTEST_FAILED', details: { failed: 1 } });
    } finally {
      planted.faults = [];
    }
  });
});
